"""All rooms as processes on a real PostgreSQL, the gateways imitated outside: REST in, verdicts out."""

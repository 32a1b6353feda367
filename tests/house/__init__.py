"""All rooms as processes, a real PostgreSQL, the gateways imitated: REST in, verdicts out."""

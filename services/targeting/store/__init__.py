"""What targeting keeps, in PostgreSQL: verbs on an open transaction."""

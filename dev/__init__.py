"""What a development machine needs and production does not: a database, a runner, figures."""

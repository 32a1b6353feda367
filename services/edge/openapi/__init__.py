"""The REST contract, written by hand: a YAML file per resource, put together at the start."""

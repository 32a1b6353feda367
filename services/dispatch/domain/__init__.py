"""Messages, parcels and outcomes: what they are, without any I/O."""

"""What callers are told, in the languages that they ask for."""

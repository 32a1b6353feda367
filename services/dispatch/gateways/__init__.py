"""One module per gateway protocol; each answers the same questions about it."""

"""One file per REST resource: its paths, and the calls of other rooms that answer them."""

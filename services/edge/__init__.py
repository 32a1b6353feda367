"""How the outside world speaks to us: the REST API, translated into calls of the other rooms."""

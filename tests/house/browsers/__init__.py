"""Real browsers, and the push services that they keep a connection to, on this machine."""

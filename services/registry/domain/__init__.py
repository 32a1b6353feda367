"""The words and rules of registry; pure."""

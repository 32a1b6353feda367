"""Whom a target means."""

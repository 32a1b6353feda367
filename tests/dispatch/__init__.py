"""Dispatch, tried by itself: its neighbours in memory, its gateways the sandbox's."""

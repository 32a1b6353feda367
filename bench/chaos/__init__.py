"""`make chaos`: what is lost, and what is repeated, when everything is killed in mid-broadcast."""

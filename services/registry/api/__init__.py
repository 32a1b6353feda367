"""The services of registry, as their protos promise them."""

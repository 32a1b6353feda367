"""Between protobuf and the domain: what comes in is checked, what goes out is rendered."""

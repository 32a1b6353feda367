"""Dispatch's gRPC services, and its clients of other rooms: the only place that speaks protobuf."""

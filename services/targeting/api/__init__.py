"""Targeting's proto services."""

from typing import Any, TypeAlias

from grpc.aio import ServicerContext

Context: TypeAlias = ServicerContext[Any, Any]

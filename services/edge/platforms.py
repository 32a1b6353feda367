"""Reads the REST API's platform codes."""

from carillon.type.v1.platform_pb2 import Platform
from services.edge import problems
from services.edge.names import PLATFORMS


def read_platform(code: str, field: str) -> "Platform.ValueType":
    """The platform of a code in any case.

    Raises:
        Problem: 400 naming `field` and the codes there are.
    """
    platform = PLATFORMS.get(code.upper())
    if platform is None:
        raise problems.invalid(field, f"must be one of {', '.join(PLATFORMS)}, not '{code}'")
    return platform

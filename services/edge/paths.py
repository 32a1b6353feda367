"""Paths as clients write them: a slash too many at the beginning or the end."""

from starlette.types import Scope

API = "/imfpush/v1/"


def tidy(scope: Scope) -> None:
    """Take away slashes that stem from careless joining; an encoded one belongs to an id."""
    path: str = scope["path"]
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    if path.endswith("/") and path.startswith(API) and scope["raw_path"].endswith(b"/"):
        path = path.rstrip("/")
    scope["path"] = path

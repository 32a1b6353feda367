"""What a request may say: nothing that would be read as another header, or as a second request."""

import re
from collections.abc import Sequence
from functools import lru_cache

from services.dispatch.wire import Request, Template

# RFC 9113 §8.2.2: these belong to HTTP/1.1 connections. The length is ours to tell.
OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
# RFC 3986, and what push services are known to use besides; no fragment.
PATH = re.compile(r"/[!-\"$-\[\]-~]*")
# What both paths and values may consist of, and nearly all do.
PLAIN = bytes(set(range(0x21, 0x7F)) - set(b"#\\"))


def may_say(template: Template) -> bool:
    return _may_say(template.headers, template.own_names)


@lru_cache(maxsize=1024)
def _may_say(headers: tuple[tuple[str, str], ...], own_names: tuple[str, ...]) -> bool:
    names = [*(name for name, _ in headers), *own_names]
    return all(name not in OURS and NAME.fullmatch(name) for name in names) and all(
        VALUE.fullmatch(value) for _, value in headers
    )


def find_forbidden(requests: Sequence[Request]) -> set[int]:
    """The places of those whose own words may not be sent: none, nearly always."""
    words = [request.path for request in requests]
    for request in requests:
        words += request.own_values
    together, beginnings = "".join(words), {request.path[:1] for request in requests}
    is_ascii = together.isascii() and beginnings == {"/"}
    if is_ascii and not together.encode().translate(None, PLAIN):
        return set()
    return {place for place, request in enumerate(requests) if not _may_be_sent(request)}


def _may_be_sent(request: Request) -> bool:
    is_path = PATH.fullmatch(request.path) is not None
    return is_path and all(VALUE.fullmatch(value) for value in request.own_values)

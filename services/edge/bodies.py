"""Request bodies: read within a bound, inflated within it, decoded, and checked against a shape.

What is wrong is said with the field's path in REST's own names. Members that a shape does not know
are passed over: older SDKs send some.
"""

import re
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

import msgspec
from starlette.requests import Request

from services.edge import problems
from services.edge.problems import Problem

T = TypeVar("T")

ACCEPTED_TYPE = re.compile(r"(?:[\w.+-]+/(?:[\w.-]+\+)?json|text/\w+)?", re.IGNORECASE)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_DEPTH = 200

PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
EXPECTED = re.compile(r"Expected `(?P<want>[^`]*)`, got `(?P<got>[^`]*)`")
TYPE_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


async def read_bytes(request: Request, limit: int) -> bytes:
    """The whole body, inflated if it was sent gzipped.

    Raises:
        Problem: 413 if larger than `limit`, 400 if it does not inflate, 415 for other codings.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise Problem(
            415, problems.MEDIA_TYPE_REFUSED, f"Content-Encoding '{coding}' is not accepted."
        )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    collected = bytearray()
    async for chunk in _inflate(request, limit) if "gzip" in coding else request.stream():
        collected += chunk
        if len(collected) > limit:
            raise _too_large(limit)
    return bytes(collected)


async def _inflate(request: Request, limit: int) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)  # 31: with a gzip header
    try:
        async for chunk in request.stream():
            # One byte beyond the limit is enough to be refused; a bomb unfolds no further.
            yield inflater.decompress(chunk, limit + 1)
        yield inflater.flush(1)
    except zlib.error:
        raise problems.malformed("it does not inflate as gzip") from None
    if not inflater.eof:
        raise problems.malformed("its gzip stream is cut off")


def _too_large(limit: int) -> Problem:
    return Problem(
        413, problems.BODY_TOO_LARGE, f"The body is larger than the limit of {limit} bytes."
    )


def check_media_type(request: Request) -> None:
    """Refuse what is plainly no JSON. Parameters are not looked at: SDKs misspell `charset`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if not ACCEPTED_TYPE.fullmatch(kind):
        raise Problem(
            415,
            problems.MEDIA_TYPE_REFUSED,
            f"Content-Type '{kind}' is not accepted; send application/json.",
        )


def decode(body: bytes) -> object:
    """Decode JSON of any shape.

    Raises:
        Problem: 400 if it is malformed, no UTF-8, nested too deeply, or holds a NUL.
    """
    body = strip_mark(body)
    if not body.strip():
        raise problems.malformed("it is empty")
    try:
        body.decode()
        value = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise problems.malformed(f"byte {error.start} is not valid UTF-8") from None
    except RecursionError:
        raise problems.malformed("it is nested too deeply") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise problems.malformed(reason) from None
    # Few bodies can be wrong here; the others are spared the walk.
    if b"\\u0000" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_texts(value)
    return value


def strip_mark(body: bytes) -> bytes:
    return body.removeprefix(BYTE_ORDER_MARK)


def convert(value: object, shape: type[T], prefix: str = "") -> T:
    """`value` as `shape`; numbers and booleans may come as strings.

    Raises:
        Problem: 400 naming the field that does not fit, with `prefix` before its path.
    """
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(str(error), prefix) from None


def _explain(text: str, prefix: str) -> Problem:
    place = PLACE.match(text)
    what, path = (place["what"], place["path"] or "") if place else (text, "")
    path = path.rpartition("$")[2].lstrip(".")
    expected = EXPECTED.search(what)
    if expected is None:
        return problems.invalid((prefix + path).rstrip(".") or "body", f"is invalid: {what}")
    want = " or ".join(
        TYPE_WORDS.get(word, word) for word in expected["want"].split(" | ") if word != "null"
    )
    got = TYPE_WORDS.get(expected["got"], expected["got"])
    return problems.invalid((prefix + path).rstrip(".") or "body", f"must be {want}, not {got}")


def _check_texts(value: object) -> None:
    for path, text, depth in _walk(value):
        if depth > MAX_DEPTH:
            raise problems.malformed("it is nested too deeply")
        if "\x00" in text:
            raise problems.invalid(path or "body", "must not contain the character NUL")


def _walk(value: object) -> Iterator[tuple[str, str, int]]:
    """Every text in `value`, names included, with its path and depth; recursion would overflow."""
    waiting: list[tuple[str, object, int]] = [("", value, 0)]
    while waiting:
        path, part, depth = waiting.pop()
        if isinstance(part, str):
            yield path, part, depth
        elif isinstance(part, dict):
            yield path, "", depth
            for name, member in part.items():
                yield path, name, depth
                waiting.append((f"{path}.{name}" if path else name, member, depth + 1))
        elif isinstance(part, list):
            yield path, "", depth
            waiting += [(f"{path}[{i}]", member, depth + 1) for i, member in enumerate(part)]

"""What texts, numbers and JSON from outside must be before anything is done with them."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from services.kit.faults import FieldInvalid

Word = TypeVar("Word")

MAX_NAME = 254
MAX_TEXT = 4096
MAX_PAYLOAD = 8192
MAX_ITEMS = 64
MAX_DEPTH = 200


def is_name(text: str) -> bool:
    """Whether anything can have this name: what else is asked for need not be looked up."""
    return 0 < len(text) <= MAX_NAME and "\x00" not in text


def parse_name(field: str, text: str, limit: int = MAX_NAME) -> str:
    if not text:
        raise FieldInvalid(field, f"must be 1 to {limit} characters, not empty")
    return parse_text(field, text, limit)


def parse_text(field: str, text: str, limit: int) -> str:
    """A text of at most `limit` characters that PostgreSQL can hold."""
    if len(text) > limit:
        raise FieldInvalid(field, f"must be at most {limit} characters, not {len(text)}")
    if "\x00" in text:
        raise FieldInvalid(field, "must not contain NUL")
    return text


def parse_json(field: str, text: str, limit: int) -> str:
    """JSON text of any shape, or none."""
    if parse_text(field, text, limit):
        _decode(field, text)
    return text


def parse_payload(field: str, text: str, limit: int) -> str:
    """JSON text of an object, or of a string, which may hold an object in turn."""
    if not parse_text(field, text, limit):
        return ""
    value = _decode(field, text)
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        value = _open(field, value)
    if not isinstance(value, dict | str | None):
        raise FieldInvalid(field, "must be a JSON object or a string")
    _check_depth(field, value)
    return text


def parse_range(field: str, number: float, low: float, high: float) -> None:
    if not low <= number <= high:
        raise FieldInvalid(field, f"must be {low} to {high}, not {number}")


def _decode(field: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise FieldInvalid(field, f"must be nested at most {MAX_DEPTH} deep") from None
    except msgspec.DecodeError:
        raise FieldInvalid(field, "must be JSON") from None


def _open(field: str, text: str) -> object:
    """The object in a string; a string that only begins like one stays a string."""
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise FieldInvalid(field, f"must be nested at most {MAX_DEPTH} deep") from None
    except msgspec.DecodeError:
        return text


def _check_depth(field: str, value: object) -> None:
    """Phones parse payloads by recursion, and with less stack than we have."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return
    raise FieldInvalid(field, f"must be nested at most {MAX_DEPTH} deep")


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class Reader:
    """Reads the members of one message by name, each within its limits."""

    def __init__(self, field: str, message: Any) -> None:  # noqa: ANN401  any protobuf message
        self._field = field
        self._message = message

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        return parse_text(f"{self._field}.{name}", getattr(self._message, name), limit)

    def texts(self, name: str) -> tuple[str, ...]:
        field, listed = f"{self._field}.{name}", getattr(self._message, name)
        if len(listed) > MAX_ITEMS:
            raise FieldInvalid(field, f"must hold at most {MAX_ITEMS}, not {len(listed)}")
        return tuple(parse_text(f"{field}[{i}]", one, MAX_TEXT) for i, one in enumerate(listed))

    def payload(self) -> str:
        return parse_payload(f"{self._field}.payload", self._message.payload, MAX_PAYLOAD)

    def number(self, name: str, low: int, high: int) -> int | None:
        if not self._message.HasField(name):
            return None
        number: int = getattr(self._message, name)
        parse_range(f"{self._field}.{name}", number, low, high)
        return number

    def share(self, name: str) -> float | None:
        """A number between 0 and 1."""
        if not self._message.HasField(name):
            return None
        number: float = getattr(self._message, name)
        parse_range(f"{self._field}.{name}", number if math.isfinite(number) else -1, 0, 1)
        return number

    def word(self, name: str, table: Mapping[Any, Word]) -> Word | None:
        """What an enum's number stands for; None if it was left out."""
        number = getattr(self._message, name)
        if number and number not in table:
            raise FieldInvalid(f"{self._field}.{name}", f"is no value that is known: {number}")
        return table.get(number)

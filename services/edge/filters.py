"""The grammar of `filter=<name><op><value>[,<value>…]`; a repeated parameter means and."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from services.edge import problems

EXACT, CONTAINS = "==", "=@"
CONDITION = re.compile(r"(\w+)(==|=@)(.*)", re.DOTALL)
ESCAPED_OR_COMMA = re.compile(r"\\(.)|(,)", re.DOTALL)
MAX_VALUES = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: the field is one of the values, or contains one of them."""

    name: str
    operator: str
    values: tuple[str, ...]


def read_filters(request: Request, allowed: Mapping[str, frozenset[str]]) -> list[Filter]:
    """The conditions of a request. `allowed` holds each name's operators.

    Raises:
        Problem: 400 naming `filter` and what it allows.
    """
    filters = []
    for text in request.query_params.getlist("filter"):
        if not text:
            continue
        condition = CONDITION.fullmatch(text)
        if not condition or condition[2] not in allowed.get(condition[1], ()):
            raise problems.invalid("filter", f"must be one of {_describe(allowed)}, not '{text}'")
        values = _split(condition[3])
        if not 1 <= len(values) <= MAX_VALUES:
            raise problems.invalid("filter", f"must compare with 1 to {MAX_VALUES} values")
        filters.append(Filter(condition[1], condition[2], values))
    return filters


def _describe(allowed: Mapping[str, frozenset[str]]) -> str:
    return ", ".join(
        f"{name}{operator}…"
        for name, operators in allowed.items()
        for operator in sorted(operators)
    )


def _split(text: str) -> tuple[str, ...]:
    """Cut at commas; a backslash makes the comma or backslash after it a plain character."""
    values, current, at = [], "", 0
    for mark in ESCAPED_OR_COMMA.finditer(text):
        current += text[at : mark.start()]
        at = mark.end()
        if mark[2]:
            values.append(current)
            current = ""
        else:
            current += mark[1]
    values.append(current + text[at:])
    return tuple(value for value in values if value)

"""Settings come from the environment: one frozen dataclass per process, one variable per field.

A field `database_url: str` is read from `DATABASE_URL`; a field without a default must be set.
Supported types: str, int, float, bool, Path and tuple[str, ...] (comma-separated).
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class SettingInvalid(Exception):
    """A setting is missing or malformed; the message is one sentence for an operator."""


def read(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """Build `cls` from the environment.

    Raises:
        SettingInvalid: naming the first variable that is missing or malformed.
    """
    source = os.environ if environment is None else environment
    types = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # T is a dataclass by contract
        name = field.name.upper()
        if name in source:
            values[field.name] = _parse(name, source[name], types[field.name])
        elif _is_required(field):
            raise SettingInvalid(f"{name} is not set.")
    return cls(**values)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _parse(name: str, text: str, kind: Any) -> Any:  # noqa: ANN401  the field's type decides
    if kind is bool:
        if text.strip().lower() not in WORDS:
            raise SettingInvalid(f"{name} must be true or false, not {text!r}.")
        return WORDS[text.strip().lower()]
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError:
            raise SettingInvalid(f"{name} must be a number, not {text!r}.") from None
    if kind is Path:
        return Path(text)
    if kind is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())

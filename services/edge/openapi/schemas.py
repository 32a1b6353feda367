"""JSON Schemas, said in words and tables of HTML."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]


def anchor(name: str) -> str:
    return f"schema-{escape(name)}"


def describe(schema: Schema) -> str:
    """In a few words: `string, 1 to 254 characters`, `array of Tag`."""
    reference = schema.get("$ref")
    if reference:
        name = reference.rpartition("/")[2]
        return f'<a href="#{anchor(name)}">{escape(name)}</a>'
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(describe(one) for one in schema[word])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {describe(schema.get('items', {}))}{_bound(schema, 'Items', 'entries')}"
    return ", ".join(_list_words(schema))


def _list_words(schema: Schema) -> Iterator[str]:
    kind = schema.get("type", "anything")
    yield escape(kind if isinstance(kind, str) else " or ".join(kind))
    if "format" in schema:
        yield escape(schema["format"])
    length = _bound(schema, "Length", "characters").removeprefix(", ")
    if length:
        yield length
    if "minimum" in schema or "maximum" in schema:
        yield _range(schema.get("minimum"), schema.get("maximum"))
    if "default" in schema:
        yield f"default <code>{escape(str(schema['default']))}</code>"


def _bound(schema: Schema, what: str, unit: str) -> str:
    least, most = schema.get("min" + what), schema.get("max" + what)
    return "" if least is None and most is None else f", {_range(least, most)} {unit}"


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least:,}"
    return f"at most {most:,}" if least is None else f"{least:,} to {most:,}"


def tabulate(schema: Schema, mark_up: Callable[[str], str]) -> str:
    """The members of an object, each in a row; nothing for what is none."""
    items = schema.get("items", {})
    if items.get("properties"):
        return tabulate(items, mark_up)
    properties = schema.get("properties", {})
    if not properties:
        return ""
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><th>{escape(name)} <small>{'required' if name in required else ''}</small></th>"
        f"<td>{describe(member)}</td>"
        f"<td>{mark_up(member.get('description', ''))}{tabulate(member, mark_up)}</td></tr>"
        for name, member in properties.items()
    )
    return f"<table>{rows}</table>"

"""`target.expression`: tags and platforms with AND, OR and NOT, read from text and written to it.

    either  = both {("OR" | "||") both}
    both    = one {("AND" | "&&") one}
    one     = ("NOT" | "!") one | "(" either ")" | platform | tag

The words count in any case, a platform in capitals. A tag stands bare, or in double quotes where
it holds blanks or signs or is such a word; there, a backslash takes the next character as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from carillon.type.v1.target_pb2 import Expression, ExpressionList
from services.edge import problems
from services.edge.names import PLATFORM_CODES, PLATFORMS

MAX_LENGTH = 8192
MAX_LEAVES = 100
MAX_DEPTH = 16
MAX_NAME = 254

TOKEN = re.compile(
    r'\s*(?:(?P<sign>[()!]|&&|\|\|)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bare>[^\s()!&|"]+)|(?P<end>\Z)'
    r"|(?P<other>.))",
    re.DOTALL,
)
BARE = re.compile(r'[^\s()!&|"]+')
WORDS = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR", "NOT": "NOT", "!": "NOT"}
# A tree and how many levels it has.
Part: TypeAlias = tuple[Expression, int]
OPERAND = "a tag, a platform, NOT or '('"
MORE = "AND, OR or the end"
MORE_INSIDE = "AND, OR or ')'"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. `word` is what it means to the grammar, empty if it is a name."""

    text: str
    word: str
    column: int
    is_quoted: bool = False


def read_expression(text: str, field: str) -> Expression:
    """The tree that a text stands for.

    Raises:
        Problem: 400 naming `field`, the column, and what is expected there.
    """
    if len(text) > MAX_LENGTH:
        raise problems.invalid(field, f"must be at most {MAX_LENGTH} characters, not {len(text)}")
    return _Reader(text, field).read()


class _Reader:
    """Descends once through the text, a token at a time."""

    def __init__(self, text: str, field: str) -> None:
        self._field = field
        self._found = TOKEN.finditer(text)
        self._leaves = 0
        self._nested = 0
        self._token = self._next()

    def read(self) -> Expression:
        whole, _ = self._read_either()
        if self._token.word != "end":
            raise self._unexpected(MORE)
        return whole

    def _read_either(self) -> Part:
        column = self._token.column
        parts = [self._read_both()]
        while self._token.word == "OR":
            self._token = self._next()
            parts.append(self._read_both())
        return self._join("any_of", parts, column)

    def _read_both(self) -> Part:
        column = self._token.column
        parts = [self._read_one()]
        while self._token.word == "AND":
            self._token = self._next()
            parts.append(self._read_one())
        return self._join("all_of", parts, column)

    def _join(self, kind: str, parts: Sequence[Part], column: int) -> Part:
        if len(parts) == 1:
            return parts[0]
        listed = ExpressionList(expressions=[part for part, _ in parts])
        depth = self._deepen(max(depth for _, depth in parts), column)
        return (Expression(any_of=listed) if kind == "any_of" else Expression(all_of=listed)), depth

    def _read_one(self) -> Part:
        token = self._token
        if token.word == "NOT":
            self._enter()
            denied, depth = self._read_one()
            self._nested -= 1
            return Expression(denied=denied), self._deepen(depth, token.column)
        if token.word == "(":
            self._enter()
            inside = self._read_either()
            if self._token.word != ")":
                raise self._unexpected(MORE_INSIDE)
            self._nested -= 1
            self._token = self._next()
            return inside
        if token.word:
            raise self._unexpected(OPERAND)
        return self._read_name(token), 1

    def _read_name(self, token: Token) -> Expression:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise self._refuse(
                f"has more than {MAX_LEAVES} tags and platforms at column {token.column}"
            )
        self._token = self._next()
        if not token.is_quoted and token.text in PLATFORMS:
            return Expression(platform=PLATFORMS[token.text])
        if not 1 <= len(token.text) <= MAX_NAME:
            raise self._refuse(
                f"must have a tag of 1 to {MAX_NAME} characters at column {token.column}"
            )
        if "\0" in token.text:
            raise self._refuse(f"has a NUL in the tag at column {token.column}")
        return Expression(tag_name=token.text)

    def _enter(self) -> None:
        """Go into parentheses or a NOT: before anything is built, for they may never end."""
        self._nested = self._deepen(self._nested, self._token.column)
        self._token = self._next()

    def _deepen(self, depth: int, column: int) -> int:
        if depth == MAX_DEPTH:
            raise self._refuse(f"is nested more than {MAX_DEPTH} deep at column {column}")
        return depth + 1

    def _next(self) -> Token:
        found = next(self._found)
        kind, column = str(found.lastgroup), found.start(str(found.lastgroup)) + 1
        text = found[kind]
        if kind == "quoted":
            name = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
            return Token(name, "", column, is_quoted=True)
        if kind == "bare":
            return Token(text, WORDS.get(text.upper(), ""), column)
        if text == '"':
            raise self._refuse(f"has a quote at column {column} that is not closed")
        return Token(text, "end" if kind == "end" else WORDS.get(text, text), column)

    def _unexpected(self, expected: str) -> problems.Problem:
        token = self._token
        if token.word == "end":
            return self._refuse(f"ends at column {token.column}, where {expected} is expected")
        return self._refuse(
            f"has '{token.text}' at column {token.column}, where {expected} is expected"
        )

    def _refuse(self, description: str) -> problems.Problem:
        return problems.invalid(self._field, description)


def write_expression(expression: Expression) -> str:
    """A text that is read as this very tree."""
    match expression.WhichOneof("node"):
        case "tag_name":
            return _write_tag(expression.tag_name)
        case "platform":
            return PLATFORM_CODES.get(expression.platform, "UNKNOWN")
        case "denied":
            return f"NOT {_write_part(expression.denied)}"
        case "all_of":
            return " AND ".join(map(_write_part, expression.all_of.expressions))
        case _:
            return " OR ".join(map(_write_part, expression.any_of.expressions))


def _write_part(part: Expression) -> str:
    """Whatever joins several stands in parentheses: nobody need know which binds first."""
    text = write_expression(part)
    return f"({text})" if part.WhichOneof("node") in {"all_of", "any_of"} else text


def _write_tag(name: str) -> str:
    if BARE.fullmatch(name) and name.upper() not in WORDS and name not in PLATFORMS:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Holds every answer that a test receives against the OpenAPI document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import jsonschema_rs

from services.edge.openapi.document import Document, build

PARAMETER = re.compile(r"\{\w+\}")
PROBLEM: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
NO_BODY = frozenset({204, 304})
# What the service says of a path or a method that is not in the document.
ELSEWHERE = frozenset({404, 405})


class Broken(AssertionError):
    """An answer is not what the contract promises."""


@dataclass(frozen=True, slots=True)
class Path:
    pattern: re.Pattern[str]
    template: str
    item: Mapping[str, Any]


class Checker:
    def __init__(self, document: Document) -> None:
        self._components = _close(document["components"])
        self._responses = document["components"]["responses"]
        paths = [Path(_compile(path), path, item) for path, item in document["paths"].items()]
        # The more of a path is literal, the sooner it is meant.
        self._paths = sorted(paths, key=lambda one: -len(PARAMETER.sub("", one.template)))
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    async def check(self, answer: httpx.Response) -> None:
        """As an event hook of httpx; raises Broken."""
        await answer.aread()
        self.judge(answer)

    def judge(self, answer: httpx.Response) -> None:
        request = answer.request
        method = "get" if request.method == "HEAD" else request.method.lower()
        raw = request.url.raw_path.partition(b"?")[0]
        item = self._find(_tidy(raw))
        told = f"{request.method} {raw.decode('latin-1')} answered {answer.status_code}"
        if "x-request-id" not in answer.headers:
            raise Broken(f"{told} without X-Request-Id.")
        if method == "options":
            return
        if item is None or method not in item:
            if answer.status_code not in ELSEWHERE:
                raise Broken(f"{told}, but services/edge/openapi has no such path or method.")
            self._match(answer, PROBLEM, told)
            return
        self._judge_operation(answer, item[method], told)

    def _judge_operation(
        self, answer: httpx.Response, operation: Mapping[str, Any], told: str
    ) -> None:
        responses = operation["responses"]
        named = responses.get(str(answer.status_code))
        if named is None:
            raise Broken(
                f"{told}, but the document's {operation['operationId']} gives only"
                f" {', '.join(responses)}."
            )
        if "$ref" in named:
            named = self._responses[named["$ref"].rpartition("/")[2]]
        content = named.get("content")
        if content is None:
            if answer.content:
                raise Broken(f"{told} with a body; the document gives none.")
            return
        if answer.request.method == "HEAD":
            return
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type not in content:
            raise Broken(f"{told} with {media_type!r}; the document gives {', '.join(content)}.")
        if media_type == "application/json":
            self._match(answer, content[media_type]["schema"], told)

    def _find(self, path: str) -> Mapping[str, Any] | None:
        return next((one.item for one in self._paths if one.pattern.fullmatch(path)), None)

    def _match(self, answer: httpx.Response, schema: Mapping[str, Any], told: str) -> None:
        if answer.request.method == "HEAD":
            return
        key = repr(schema)
        validator = self._validators.get(key)
        if validator is None:
            whole = {**_close(schema), "components": self._components}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[key] = validator
        wrong = [
            f"{'.'.join(map(str, error.instance_path)) or 'the body'}: {error.message}"
            for error in validator.iter_errors(answer.json())
        ]
        if wrong:
            raise Broken(f"{told}, which breaks the document: {'; '.join(wrong)}")


def _tidy(raw: bytes) -> str:
    """The path without the slashes that the service passes over."""
    path = unquote_to_bytes(raw).decode(errors="replace")
    path = "/" + path.lstrip("/")
    return path.rstrip("/") if raw.endswith(b"/") and path.startswith("/imfpush/v1/") else path


def _compile(path: str) -> re.Pattern[str]:
    """The last parameter of a path may hold slashes: clients leave them in ids."""
    *literals, last = map(re.escape, PARAMETER.split(path))
    if literals and not last and not path.endswith("/apps/{applicationId}"):
        return re.compile("[^/]+".join(literals) + "(?s:.+)")
    return re.compile("[^/]+".join([*literals, last]))


def _close(schema: Any) -> Any:
    """The same, with no member allowed that it does not name: the document is to name all."""
    if isinstance(schema, list):
        return [_close(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _close(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def checker() -> Checker:
    return Checker(build("https://push.example.com"))

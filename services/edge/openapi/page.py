"""The document as one page of HTML, which needs no script and nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

from services.edge.openapi import schemas
from services.edge.openapi.document import FOLDER, Document, operations

CODE = re.compile(r"`([^`]*)`")
STRONG = re.compile(r"\*\*([^*]+)\*\*")
FAILURES = "300"
ACCESS_WORDS = {
    "open": "anybody",
    "client-read": "apps, browsers and back ends",
    "client-write": "apps, browsers and back ends that may write",
    "client-delete": "apps, browsers and back ends that may manage",
    "list-devices": "back ends, and apps if the operator opens it to them",
    "read": "back ends",
    "write": "back ends that may write",
    "manage": "back ends that may manage",
    "api-keys": "back ends that may manage, and the operator",
    "secrets": "holders of the `appSecret`, and the operator",
    "operator": "the operator",
}


def render(document: Document) -> str:
    info = document["info"]
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    parts = (
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{style}</style></head><body>",
        *_render_contents(document),
        "<main><header>",
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
        f'<p class="lead">{_mark_up(info["summary"])}</p>{_paragraphs(info["description"])}',
        '<p>This page as a document: <a href="openapi.yaml">YAML</a>, ',
        '<a href="openapi.json">JSON</a> (OpenAPI 3.1).</p>',
        "</header>",
        *_render_resources(document),
        *_render_schemas(document),
        "</main></body></html>",
    )
    return "\n".join(parts)


def _render_contents(document: Document) -> Iterator[str]:
    yield f"<nav><strong>{escape(document['info']['title'])}</strong>"
    for tag in document["tags"]:
        name = tag["name"]
        yield f'<h2><a href="#{escape(name)}">{escape(name)}</a></h2><ul>'
        for _, method, operation in _of(document, name):
            yield (
                f'<li><a href="#{escape(operation["operationId"])}">{_method(method)} '
                f"{_mark_up(operation['summary'])}</a></li>"
            )
        yield "</ul>"
    yield '<h2><a href="#schemas">Schemas</a></h2></nav>'


def _of(document: Document, tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    return (each for each in operations(document) if tag in each[2]["tags"])


def _render_resources(document: Document) -> Iterator[str]:
    for tag in document["tags"]:
        yield f'<section id="{escape(tag["name"])}"><h2>{escape(tag["name"])}</h2>'
        yield _paragraphs(tag["description"])
        for path, method, operation in _of(document, tag["name"]):
            yield from _render_operation(document, path, method, operation)
        yield "</section>"


def _render_operation(
    document: Document, path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    yield f'<article id="{escape(operation["operationId"])}">'
    yield f"<h3>{_mark_up(operation['summary'])}</h3>"
    yield f'<p class="call">{_method(method)} <code>{escape(path)}</code></p>'
    yield _paragraphs(operation.get("description", ""))
    yield f'<p class="who">For {_describe_callers(operation)}.</p>'
    shared = document["paths"][path].get("parameters", [])
    parameters = [_resolve(document, one) for one in [*shared, *operation.get("parameters", [])]]
    yield from _render_parameters(parameters)
    body = operation.get("requestBody")
    if body:
        yield "<h4>Body</h4>"
        yield from _render_content(body)
    answers = {s: _resolve(document, one) for s, one in operation["responses"].items()}
    yield "<h4>Answers</h4>"
    yield from _render_answers({s: one for s, one in answers.items() if s < FAILURES})
    failures = {s: one for s, one in answers.items() if s >= FAILURES}
    yield f"<details><summary>Refusals: {', '.join(failures)}</summary>"
    yield from _render_answers(failures)
    yield "</details></article>"


def _render_answers(answers: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    yield "<dl>"
    for status, answer in answers.items():
        yield f'<dt class="s{status[0]}">{status} {HTTPStatus(int(status)).phrase}</dt>'
        yield f"<dd>{_mark_up(answer['description'])}"
        if status < FAILURES:
            yield from _render_content(answer)
        yield "</dd>"
    yield "</dl>"


def _describe_callers(operation: Mapping[str, Any]) -> str:
    schemes = [f"<code>{escape(name)}</code>" for one in operation["security"] for name in one]
    who = escape(ACCESS_WORDS[operation["x-access"]])
    return f"{who}, with {' or '.join(schemes)}" if schemes else who


def _render_parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<h4>Parameters</h4><table>"
    for one in parameters:
        need = "required" if one.get("required") else ""
        yield (
            f"<tr><th>{escape(one['name'])} <small>{one['in']} {need}</small></th>"
            f"<td>{schemas.describe(one['schema'])}</td>"
            f"<td>{_mark_up(one.get('description', ''))}</td></tr>"
        )
    yield "</table>"


def _render_content(holder: Mapping[str, Any]) -> Iterator[str]:
    for media_type, content in holder.get("content", {}).items():
        yield f"<p><small>{escape(media_type)}</small> {schemas.describe(content['schema'])}</p>"
        yield schemas.tabulate(content["schema"], _mark_up)
        for name, value in _list_examples(content):
            title = f"Example: {escape(name)}" if name else "Example"
            shown = json.dumps(value, indent=2, ensure_ascii=False)
            yield f"<details><summary>{title}</summary><pre>{escape(shown)}</pre></details>"


def _list_examples(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "example" in content:
        yield "", content["example"]
    for name, example in content.get("examples", {}).items():
        yield name, example["value"]


def _render_schemas(document: Document) -> Iterator[str]:
    yield '<section id="schemas"><h2>Schemas</h2>'
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="{schemas.anchor(name)}"><h3>{escape(name)}</h3>'
        yield _paragraphs(schema.get("description", ""))
        yield f"<p>{schemas.describe(schema)}</p>{schemas.tabulate(schema, _mark_up)}"
        for example in schema.get("examples", []):
            shown = json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<details><summary>Example</summary><pre>{escape(shown)}</pre></details>"
        yield "</article>"
    yield "</section>"


def _resolve(document: Document, named: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the document stands for; anything else is itself."""
    reference = named.get("$ref")
    if reference is None:
        return named
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    resolved: dict[str, Any] = found
    return resolved


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_mark_up(part)}</p>" for part in text.split("\n\n") if part.strip())


def _mark_up(text: str) -> str:
    """The two pieces of Markdown that the document uses: `code` and **strong**."""
    coded = CODE.sub(r"<code>\1</code>", escape(text.strip()))
    return STRONG.sub(r"<strong>\1</strong>", coded)

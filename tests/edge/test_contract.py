"""Does the OpenAPI document say what is served, all of it and nothing else?"""

import json
import re
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import validate

from services.edge.app import Edge
from services.edge.openapi.document import Document, build, operations
from tests.contract.checker import Broken, checker
from tests.edge.conftest import PUBLIC, World

PARAMETER = re.compile(r"\{[^}]*\}")


@pytest.fixture(scope="module")
def document() -> Document:
    return build(PUBLIC)


def served(app: Edge) -> set[tuple[str, str]]:
    return {
        (PARAMETER.sub("{}", route.path), method)
        for route in app.routes
        for method in route.accesses
    }


def test_it_is_openapi(document: Document) -> None:
    validate(document)


async def test_every_route_is_in_it_and_nothing_else(world: World, document: Document) -> None:
    said = {(PARAMETER.sub("{}", path), method.upper()) for path, method, _ in operations(document)}

    assert said == served(world.app)


async def test_it_says_what_each_call_asks_of_its_caller(world: World, document: Document) -> None:
    said = {
        (PARAMETER.sub("{}", path), method.upper()): operation["x-access"]
        for path, method, operation in operations(document)
    }
    asked = {
        (PARAMETER.sub("{}", route.path), method): access.name.lower().replace("_", "-")
        for route in world.app.routes
        for method, access in route.accesses.items()
    }

    assert said == asked


def test_nothing_stands_in_it_that_is_not_used(document: Document) -> None:
    used = set(re.findall(r'"#/components/([^"]+)"', json.dumps(document)))
    named = {f"{kind}/{name}" for kind, all_ in document["components"].items() for name in all_}
    unused = sorted(one for one in named - used if not one.startswith("securitySchemes/"))

    assert unused == []


def test_each_operation_has_a_name_of_its_own(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(names) == len(set(names))


def examples(document: Document) -> list[tuple[str, Any, Any]]:
    """Each example with its schema, and where it stands."""
    found: list[tuple[str, Any, Any]] = []

    def collect(part: Any, place: str) -> None:
        if isinstance(part, list):
            for i, one in enumerate(part):
                collect(one, f"{place}[{i}]")
        if not isinstance(part, dict):
            return
        schema = part.get("schema")
        if schema is not None and "example" in part:
            found.append((place, schema, part["example"]))
        if schema is not None and isinstance(part.get("examples"), dict):
            found.extend((f"{place}.{n}", schema, e["value"]) for n, e in part["examples"].items())
        if schema is None and isinstance(part.get("examples"), list):
            found.extend((place, part, one) for one in part["examples"])
        for name, one in part.items():
            if name not in {"example", "examples"}:
                collect(one, f"{place}.{name}")

    collect({key: document[key] for key in ("paths", "components")}, "")
    return found


def test_its_examples_are_what_it_says(document: Document) -> None:
    wrong = [
        f"{place}: {error.message}"
        for place, schema, example in examples(document)
        for error in jsonschema_rs.Draft202012Validator(
            {**schema, "components": document["components"]}, validate_formats=True
        ).iter_errors(example)
    ]

    assert not wrong


def test_every_body_that_is_read_has_an_example(document: Document) -> None:
    without = [
        operation["operationId"]
        for _, _, operation in operations(document)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json" and not {"example", "examples"} & content.keys()
    ]

    assert not without


async def test_it_is_served_as_yaml_and_json(world: World, document: Document) -> None:
    as_yaml = await world.http.get("/imfpush/openapi.yaml")
    as_json = await world.http.get("/imfpush/openapi.json")

    assert as_yaml.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(as_yaml.content) == as_json.json() == json.loads(json.dumps(document))


async def test_its_page_shows_every_operation_and_loads_nothing(
    world: World, document: Document
) -> None:
    answer = await world.http.get("/imfpush/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for _, _, operation in operations(document):
        assert f'<article id="{operation["operationId"]}">' in answer.text
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(", answer.text)


def respond(status: int, body: Any = None, path: str = "/tags/news") -> httpx.Response:
    url = f"{PUBLIC}/imfpush/v1/apps/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d{path}"
    return httpx.Response(
        status, json=body, headers={"X-Request-Id": "1"}, request=httpx.Request("GET", url)
    )


TAG = {
    "name": "news",
    "description": "",
    "createdTime": "2026-11-24T18:30:00Z",
    "lastUpdatedTime": "2026-11-24T18:30:00Z",
    "createdMode": "API",
    "uri": "https://push.example.com/t",
    "href": "https://push.example.com/t",
}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (respond(204), "gives only"),
        (respond(200, TAG | {"description": None}), "description"),
        (respond(200, TAG | {"surprise": "1"}), "surprise"),
        (respond(200, {"name": "news"}), "required"),
        (respond(404, {"message": "gone"}), "code"),
        (respond(200, TAG, "/nothing"), "no such path"),
    ],
    ids=["status", "type", "unnamed member", "missing member", "problem", "path"],
)
def test_the_tests_notice_an_answer_that_breaks_it(answer: httpx.Response, complaint: str) -> None:
    with pytest.raises(Broken, match=complaint):
        checker().judge(answer)


def test_the_tests_accept_an_answer_that_keeps_it() -> None:
    checker().judge(respond(200, TAG))

"""Is there a call, made up from the OpenAPI document, that the house fails at or answers otherwise?

schemathesis makes calls up: those that the document allows, and those that it does not. Each is
made with the names that were made up, and with those of what exists. The seed is fixed, so that a
failure comes again.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.edge.openapi.document import build, operations
from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE

pytestmark = HOUSE

# Making one up takes ten times as long as calling with it.
EXAMPLES = 2
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What these end must outlive the calls that come after them.
OF_A_VICTIM = {"operator", "secrets", "api-keys"}
CALM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DOCUMENT = build("http://127.0.0.1")
# Deletions last: an application that is gone answers 404 to everything.
CALLS = sorted(
    ((path, method, operation) for path, method, operation in operations(DOCUMENT)),
    key=lambda call: (call[2]["operationId"] == "deleteApplication", call[1] == "delete"),
)


MODES = [
    (call, mode)
    for call in CALLS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # Of a call that takes nothing nothing can be wrong.
    if mode == GenerationMode.POSITIVE
    or "{" in call[0]
    or {"parameters", "requestBody"} & call[2].keys()
]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where calls are made, and what exists there."""

    base_url: str
    session: requests.Session
    app: App
    victim: App
    operator_key: str
    known: dict[str, str]
    schema: Any

    def headers(self, access: str) -> dict[str, str]:
        if access == "operator":
            return {"Authorization": f"Bearer {self.operator_key}"}
        return (self.victim if access in OF_A_VICTIM else self.app).back_end

    def call(self, case: schemathesis.Case[Any], access: str) -> None:
        response = case.call(
            base_url=self.base_url, session=self.session, headers=self.headers(access)
        )
        case.validate_response(response, checks=CHECKS)

    def app_id(self, access: str) -> str:
        return (self.victim if access in OF_A_VICTIM else self.app).demo.app_id


async def prepare(world: World, app: App) -> Stage:
    victim = await world.open_app()
    phone = await app.register("G", user_id="ada")
    await app.tag("mortgage-rates", phone)
    channel = {"channelId": "news", "channelName": "News"}
    group = {"groupId": "all", "groupName": "All"}
    for path, body in (("/channelGroups", group), ("/channels", channel)):
        answer = await app.ask("POST", path, body)
        assert answer.status_code == 201, answer.text
    known = {
        "deviceId": phone.device_id,
        "tagName": "mortgage-rates",
        "messageId": await app.send("Hello"),
        "channelId": "news",
        "groupId": "all",
    }
    session = requests.Session()
    session.trust_env = False
    place = world.house.place
    # A copy: what schemathesis makes of a document is its own.
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))
    return Stage(place.edge, session, app, victim, place.keys.operator_key, known, schema)


def try_out(stage: Stage, call: tuple[str, str, dict[str, Any]], mode: GenerationMode) -> None:
    path, method, operation = call
    strategy = stage.schema[path][method].as_strategy(generation_mode=mode)
    access = operation["x-access"]

    @seed(20_261_124)
    @CALM
    @given(case=strategy)
    def call_it(case: schemathesis.Case[Any]) -> None:
        if "applicationId" in case.path_parameters:
            case.path_parameters["applicationId"] = stage.app_id(access)
        stage.call(case, access)
        known = case.path_parameters.keys() & stage.known.keys()
        if known:
            case.path_parameters.update({name: stage.known[name] for name in known})
            stage.call(case, access)

    tell: Callable[[], None] = call_it
    tell()


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return {}


@pytest.mark.parametrize(
    ("call", "mode"), MODES, ids=[f"{call[2]['operationId']}-{mode.value}" for call, mode in MODES]
)
async def test_any_call_is_answered_as_documented(
    world: World,
    stages: dict[str, Stage],
    call: tuple[str, str, dict[str, Any]],
    mode: GenerationMode,
) -> None:
    if "stage" not in stages:
        stages["stage"] = await prepare(world, await world.open_app())
    # In a thread: what the rooms write meanwhile must be read, or they would stand still.
    await asyncio.to_thread(try_out, stages["stage"], call, mode)

"""Is there any JSON, or any bytes, that make the edge fail instead of refusing?"""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.edge.conftest import World

NAMES = some.sampled_from(
    [
        "deviceId",
        "token",
        "platform",
        "userId",
        "variables",
        "message",
        "alert",
        "url",
        "target",
        "settings",
        "validate",
        "tagNames",
        "userIds",
        "deviceIds",
        "platforms",
        "apns",
        "gcm",
        "chromeWeb",
        "firefoxWeb",
        "title",
        "payload",
        "type",
        "name",
        "description",
        "badge",
        "lights",
        "style",
        "lines",
        "timeToLive",
        "priority",
    ]
)
LEAVES = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(alphabet=some.characters(exclude_categories=["Cs"]))
    | some.sampled_from(["A", "G", "SILENT", "true", "1", "\0", "{", "{{name}}", "Push.ALL"])
)
JSON = some.recursive(
    LEAVES,
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(NAMES | some.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
# A message that gets beyond the first check, so that the later ones are reached.
MESSAGES = some.fixed_dictionaries(
    {"message": some.fixed_dictionaries({"alert": some.text(min_size=1)})},
    optional={
        "target": some.dictionaries(NAMES, some.lists(some.text(max_size=5), max_size=3)),
        "settings": some.dictionaries(NAMES, some.dictionaries(NAMES, JSON, max_size=4)),
        "validate": JSON,
    },
)
MANY = settings(
    max_examples=150,
    deadline=None,
    # One world serves all examples: nothing in it may fail whatever came before.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def post(world: World, path: str, body: Any) -> int:
    answer = await world.call(
        "POST",
        path,
        content=body if isinstance(body, bytes) else encode(body),
        headers=world.back_end | {"Content-Type": "application/json"},
    )
    if answer.is_error:
        assert set(answer.json()) == {"message", "code"}
    return answer.status_code


def encode(body: Any) -> bytes:
    """With an escape for whatever is no ASCII, NUL included."""
    return json.dumps(body).encode()


@MANY
@given(body=JSON)
async def test_no_json_makes_registering_fail(world: World, body: Any) -> None:
    assert await post(world, "/devices", body) < 500


@MANY
@given(body=JSON | MESSAGES)
async def test_no_json_makes_sending_fail(world: World, body: Any) -> None:
    assert await post(world, "/messages", body) < 500


@MANY
@given(body=JSON | some.lists(MESSAGES, max_size=3))
async def test_no_json_makes_sending_in_bulk_fail(world: World, body: Any) -> None:
    assert await post(world, "/messages/bulk", body) < 500


@MANY
@given(body=JSON)
async def test_no_json_makes_creating_a_tag_fail(world: World, body: Any) -> None:
    assert await post(world, "/tags", body) < 500


@MANY
@given(body=JSON)
async def test_no_json_makes_subscribing_fail(world: World, body: Any) -> None:
    assert await post(world, "/subscriptions", body) < 500


@MANY
@given(body=some.binary())
async def test_no_bytes_make_sending_fail(world: World, body: bytes) -> None:
    assert await post(world, "/messages", body) < 500


@MANY
@given(query=some.text(alphabet=some.characters(exclude_categories=["Cs"]), max_size=20))
async def test_no_filter_makes_a_list_fail(world: World, query: str) -> None:
    for path in ("/tags", "/devices", "/subscriptions"):
        for text in (query, f"name=={query}", f"platform=={query}", f"tagName=@{query}"):
            answer = await world.call("GET", path, params={"filter": text, "userId": query})

            assert answer.status_code < 500

"""May a page of another origin call us, and read what we answer?"""

import pytest

from services.edge import cors
from services.kit.faults import Code
from tests.edge.conftest import APP_ID, APPS, World
from tests.edge.rooms.rules import fault

ORIGIN = {"Origin": "https://acme.example.com"}
PREFLIGHT = ORIGIN | {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "content-type,clientsecret",
}


@pytest.mark.parametrize(
    "path", [f"/{APP_ID}/devices/x", f"/{APP_ID}", f"/{APP_ID}/no/such/path", "/no-guid/tags", ""]
)
async def test_a_preflight_is_answered_on_every_path_without_credentials(
    world: World, path: str
) -> None:
    answer = await world.http.options(APPS + path, headers=PREFLIGHT)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"GET", "POST", "PUT", "DELETE"} <= set(
        answer.headers["access-control-allow-methods"].split(", ")
    )
    assert {"Content-Type", "clientSecret", "appSecret", "Authorization", "Accept-Language"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert answer.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_asks_no_room(world: World) -> None:
    world.registry.calls.clear()

    await world.http.options(f"{APPS}/{APP_ID}/tags", headers=PREFLIGHT)

    assert not world.registry.calls


@pytest.mark.parametrize(
    ("failure", "status"),
    [(fault(Code.UNAVAILABLE, "")(), 503), (RuntimeError("a bug"), 500)],
    ids=["outage", "bug"],
)
async def test_failures_may_be_read_too(world: World, failure: Exception, status: int) -> None:
    world.targeting.failures["ListTags"] = failure

    answer = await world.call("GET", "/tags", headers=world.client | ORIGIN)

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/tags", b"", 200),
        ("GET", "/devices/x", b"", 404),
        ("GET", "/no/such", b"", 404),
        ("PATCH", "/tags", b"", 405),
        ("POST", "/devices", b"{", 400),
        ("POST", "/devices", b" " * (1024 * 1024 + 1), 413),
        ("DELETE", "/tags/x", b"", 401),
    ],
)
async def test_every_answer_may_be_read(
    world: World, method: str, path: str, content: bytes, status: int
) -> None:
    answer = await world.call(method, path, content=content, headers=world.client | ORIGIN)

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == cors.EXPOSED


async def test_without_an_origin_nothing_is_added(world: World) -> None:
    answer = await world.call("GET", "/tags")

    assert not [name for name in answer.headers if name.startswith("access-control")]

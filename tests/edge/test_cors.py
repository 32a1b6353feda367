"""May a page of another origin call us, and read what we answer?"""

import asyncio

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


async def restrict(world: World, *, only: bool = True) -> None:
    for name, site in (("chrome", "https://acme.example.com"), ("firefox", "http://x.test:8080/a")):
        conf = {"apiKey": "", "webSiteUrl": site}
        answer = await world.call("PUT", f"/settings/{name}WebConf", json=conf)
        assert answer.status_code == 200, answer.text
    answer = await world.call("PUT", "/settings/webSitesOnly", json={"webSitesOnly": only})
    assert answer.json() == {"webSitesOnly": only}


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        ("https://acme.example.com", True),
        ("https://ACME.example.com:443", True),
        ("http://x.test:8080", True),
        ("http://acme.example.com", False),
        ("https://acme.example.com:8443", False),
        ("https://acme.example.com.evil.test", False),
        ("https://evil.test", False),
        ("null", False),
        ("http://[", False),
    ],
)
async def test_an_application_may_admit_its_own_web_sites_only(
    world: World, origin: str, *, admitted: bool
) -> None:
    await restrict(world)
    path = f"{APPS}/{APP_ID}/tags"
    headers = {"Origin": origin}

    preflight = await world.http.options(path, headers=PREFLIGHT | headers)
    called = await world.http.get(path, headers=world.client | headers)
    refused = await world.http.get(path, headers=headers)

    for answer in (preflight, called, refused):
        told = answer.headers.get("access-control-allow-origin")
        assert told == (origin if admitted else None)
        assert "Origin" in answer.headers["vary"]


async def test_the_restriction_can_be_lifted_and_is_read(world: World) -> None:
    await restrict(world)
    await restrict(world, only=False)

    answer = await world.http.options(f"{APPS}/{APP_ID}/tags", headers=PREFLIGHT)
    read = await world.call("GET", "/settings/webSitesOnly")

    assert answer.headers["access-control-allow-origin"] == "*"
    assert read.json() == {"webSitesOnly": False}


async def test_another_edge_learns_of_it_within_seconds(world: World) -> None:
    await restrict(world, only=False)
    await world.http.options(f"{APPS}/{APP_ID}/tags", headers=PREFLIGHT)
    world.registry.tenants[APP_ID].application.web_sites_only = True
    elsewhere = PREFLIGHT | {"Origin": "https://evil.test"}
    before = await world.http.options(f"{APPS}/{APP_ID}/tags", headers=elsewhere)
    world.clock.now += world.settings.auth_cache_seconds

    after = await world.http.options(f"{APPS}/{APP_ID}/tags", headers=elsewhere)

    assert before.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in after.headers


async def test_the_answer_is_remembered_and_asked_for_once(world: World) -> None:
    world.registry.calls.clear()
    await asyncio.gather(
        *(world.http.options(f"{APPS}/{APP_ID}/tags", headers=PREFLIGHT) for _ in range(20))
    )

    assert world.registry.calls == ["GetApplication"]


async def test_while_registry_is_away_a_page_may_read_so(world: World) -> None:
    world.registry.failures["GetApplication"] = fault(Code.UNAVAILABLE, "")()

    answer = await world.http.options(f"{APPS}/{APP_ID}/tags", headers=PREFLIGHT)

    assert answer.headers["access-control-allow-origin"] == "*"

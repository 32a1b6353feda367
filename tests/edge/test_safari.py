"""Does Safari get from the edge what Apple's protocol lets it ask for, and no more?"""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from carillon.registry.v1.website_service_pb2 import BuildPushPackageRequest
from services.edge.routes.safari import MAX_PACKAGES_AT_ONCE
from tests.edge.conftest import APP_ID, PUBLIC, World

SITE = "/settings/safariWebConf"
PACKAGE = f"{SITE}/v2/pushPackages/web.com.acme"
ADDRESS = "AB" * 32
REGISTRATION = f"{SITE}/v2/devices/{ADDRESS}/registrations/web.com.acme"
SAFARI = {"Authorization": "ApplePushNotifications good"}


async def ask(world: World, method: str, path: str, **options: Any) -> Any:
    """As Safari does: without any secret."""
    options.setdefault("headers", {})
    return await world.call(method, path, **options)


@pytest.mark.parametrize(("word", "number"), [("v1", 1), ("v2", 2)])
async def test_a_package_is_asked_for_with_the_pages_own_words(
    world: World, word: str, number: int
) -> None:
    body = {"deviceId": "mac", "userId": "ann"}
    answer = await ask(world, "POST", PACKAGE.replace("v2", word), json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert BuildPushPackageRequest.FromString(answer.content) == BuildPushPackageRequest(
        app_id=APP_ID,
        website_push_id="web.com.acme",
        web_service_url=f"{PUBLIC}/imfpush/v1/apps/{APP_ID}{SITE}",
        device_id="mac",
        version=number,
    )


@pytest.mark.parametrize("content", [b"", b"{}", b'{"deviceId": null}'])
async def test_the_page_need_not_say_anything(world: World, content: bytes) -> None:
    assert (await ask(world, "POST", PACKAGE, content=content)).status_code == 200


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        (PACKAGE, b"[]", 400),
        (PACKAGE, b"{", 400),
        (PACKAGE, b"\xff", 400),
        (PACKAGE, b'{"deviceId": {}}', 400),
        (PACKAGE, b'{"deviceId": "\\u0000"}', 400),
        (PACKAGE, b'{"deviceId": "' + b"x" * 255 + b'"}', 400),
        (PACKAGE, b" " * 4097, 413),
        (f"{SITE}/v2/log", b'{"logs": "x"}', 400),
        (f"{SITE}/v2/log", b" " * 16_385, 413),
        (f"{SITE}/v3/log", b"{}", 404),
        (PACKAGE.replace("v2", "v3"), b"{}", 404),
    ],
)
async def test_what_is_amiss_is_refused(
    world: World, path: str, content: bytes, status: int
) -> None:
    answer = await ask(world, "POST", path, content=content)

    assert answer.status_code == status
    assert set(answer.json()) == {"message", "code"}


async def test_only_so_many_packages_are_built_at_once(world: World) -> None:
    world.registry.stalled.add("BuildPushPackage")
    asked = [asyncio.create_task(ask(world, "POST", PACKAGE)) for _ in range(MAX_PACKAGES_AT_ONCE)]
    async with asyncio.timeout(10):
        while world.registry.calls.count("BuildPushPackage") < MAX_PACKAGES_AT_ONCE:  # noqa: ASYNC110  the room has no event for it
            await asyncio.sleep(0)

    refused = await ask(world, "POST", PACKAGE)
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    world.registry.stalled.clear()
    afterwards = await ask(world, "POST", PACKAGE)

    assert (refused.status_code, afterwards.status_code) == (503, 200)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("scheme", ["ApplePushNotifications", "applepushnotifications"])
async def test_the_token_of_the_package_is_believed(world: World, method: str, scheme: str) -> None:
    answer = await ask(world, method, REGISTRATION, headers={"Authorization": f"{scheme} good"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert world.registry.websites.withdrawn == ([ADDRESS] if method == "DELETE" else [])


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("shown", [None, "", "good", "Bearer good", "ApplePushNotifications bad"])
async def test_nothing_else_is(world: World, method: str, shown: str | None) -> None:
    headers = world.back_end if shown is None else {"Authorization": shown}
    answer = await ask(world, method, REGISTRATION, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "CARILLON0401E")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("address", ["a-b", "x" * 513, "%E4"])
async def test_an_address_that_is_none_is_refused(world: World, address: str) -> None:
    path = REGISTRATION.replace(ADDRESS, address)
    answer = await ask(world, "DELETE", path, headers=SAFARI)

    assert answer.status_code == 400
    assert "deviceToken" in answer.json()["message"]


async def test_complaints_are_kept_in_the_log_without_what_is_private(world: World) -> None:
    said = [f"Push package for {ADDRESS} failed", *("again" * 100 for _ in range(20))]
    with capture_logs() as lines:
        answer = await ask(world, "POST", f"{SITE}/v2/log", json={"logs": said})

    kept = [line["text"] for line in lines if line["event"] == "safari.complained"]
    assert answer.status_code == 200
    assert kept[0] == "Push package for … failed"
    assert len(kept) == 10
    assert all(len(line) <= 300 for line in kept)

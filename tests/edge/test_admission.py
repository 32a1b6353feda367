"""Who is admitted to which call, and how is one told that is not?"""

import pytest

from services.edge.access import Caller
from services.edge.admission import MAX_VERDICTS, Verdicts
from tests.edge.conftest import APP_ID, APPS, Clock, World

STRANGER = "99999999-9999-4999-8999-999999999999"
CLIENT_CALLS = [
    ("POST", "/devices"),
    ("GET", "/devices/phone"),
    ("PUT", "/devices/phone"),
    ("DELETE", "/devices/phone"),
    ("GET", "/tags"),
    ("GET", "/tags/news"),
    ("GET", "/channels"),
    ("GET", "/channels/alerts"),
    ("GET", "/channelGroups"),
    ("GET", "/channelGroups/money"),
    ("POST", "/subscriptions"),
    ("POST", "/subscriptions?action=delete"),
    ("GET", "/subscriptions"),
    ("DELETE", "/subscriptions"),
    ("GET", "/messages/Msg00000"),
    ("PUT", "/messages/Msg00000"),
    ("PUT", "/messages/Msg00000/deliverystatus"),
    ("GET", "/settings/gcmConfPublic"),
    ("GET", "/settings/webpushServerKey"),
]
BACK_END_CALLS = [
    ("GET", "/devices"),
    ("POST", "/tags"),
    ("PUT", "/tags/news"),
    ("DELETE", "/tags/news"),
    *(
        (method, path + one)
        for path in ("/channels", "/channelGroups")
        for method, one in (("POST", ""), ("PUT", "/x"), ("DELETE", "/x"))
    ),
    ("POST", "/messages"),
    ("POST", "/messages/bulk"),
    ("GET", "/messages"),
    ("DELETE", "/messages/Msg00000"),
    ("GET", "/messages/Msg00000/status"),
    ("GET", "/messages/Msg00000/report"),
    ("GET", "/messages/Msg00000/deliverystatus"),
    ("GET", "/settings"),
    *(
        (method, f"/settings/{name}")
        for name in ("apnsConf", "gcmConf", "chromeWebConf", "firefoxWebConf")
        for method in ("GET", "PUT", "DELETE")
    ),
]
REFUSED = 401


async def try_call(world: World, call: tuple[str, str], headers: dict[str, str]) -> int:
    answer = await world.call(*call, headers=headers)
    if answer.status_code == REFUSED:
        assert set(answer.json()) == {"message", "code"}
        assert "www-authenticate" not in answer.headers
    return answer.status_code


@pytest.mark.parametrize("call", CLIENT_CALLS)
async def test_either_secret_opens_what_clients_call(world: World, call: tuple[str, str]) -> None:
    statuses = [
        await try_call(world, call, headers)
        for headers in (
            world.client,
            world.back_end,
            {},
            {"clientSecret": "wrong"},
            {"clientSecret": ""},
            {"Authorization": "Bearer of-another-service"},
        )
    ]

    assert REFUSED not in statuses[:2]
    assert statuses[2:] == [REFUSED] * 4


@pytest.mark.parametrize("call", BACK_END_CALLS)
async def test_only_the_app_secret_opens_what_back_ends_call(
    world: World, call: tuple[str, str]
) -> None:
    statuses = [
        await try_call(world, call, headers)
        for headers in (
            world.back_end,
            world.client,
            {},
            {"appSecret": "wrong"},
            {"appSecret": world.client["clientSecret"]},
        )
    ]

    assert statuses[0] != REFUSED
    assert statuses[1:] == [REFUSED] * 4


async def test_one_good_secret_among_bad_ones_is_enough(world: World) -> None:
    stray = {"Authorization": "Bearer x", "X-REWRITE-DOMAIN": ""}

    statuses = [
        await try_call(world, ("GET", "/tags"), headers | stray)
        for headers in (
            world.client | {"appSecret": "wrong"},
            world.back_end | {"clientSecret": "wrong"},
            world.client | {"appSecret": "x" * 5000},
        )
    ]

    assert statuses == [200, 200, 200]


async def test_header_names_may_be_written_anyhow(world: World) -> None:
    headers = {"CLIENTSECRET": world.client["clientSecret"]}

    assert await try_call(world, ("GET", "/tags"), headers) == 200


@pytest.mark.parametrize("app_id", [STRANGER, "acme", "%00", APP_ID + "x", "%F0%9F%94%94"])
async def test_an_unknown_application_is_404_only_with_a_credential(
    world: World, app_id: str
) -> None:
    path = f"{APPS}/{app_id}/devices/phone"

    without = await world.http.get(path)
    answer = await world.http.get(path, headers=world.client)

    assert without.status_code == 401
    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")


async def test_the_applications_id_may_be_in_upper_case(world: World) -> None:
    answer = await world.http.get(f"{APPS}/{APP_ID.upper()}/tags", headers=world.client)

    assert answer.status_code == 200


@pytest.mark.parametrize("secret", ["x" * 5000, "\xe9\xff"])
async def test_a_strange_secret_is_a_wrong_one(world: World, secret: str) -> None:
    answer = await world.http.get(
        f"{APPS}/{APP_ID}/tags", headers={b"clientSecret": secret.encode("latin-1")}
    )

    assert answer.status_code == 401


@pytest.fixture
async def judged(world: World) -> list[str]:
    """How often registry was asked to judge."""
    world.registry.calls.clear()
    return world.registry.calls


async def test_a_good_verdict_is_remembered_for_seconds(world: World, judged: list[str]) -> None:
    for _ in range(3):
        await world.call("GET", "/tags")
    within = len(judged)

    world.clock.now += world.settings.auth_cache_seconds
    await world.call("GET", "/tags")

    assert (within, len(judged)) == (1, 2)


async def test_a_bad_verdict_is_not_remembered(world: World, judged: list[str]) -> None:
    for _ in range(2):
        await world.call("GET", "/tags", headers={"appSecret": "wrong"})

    assert len(judged) == 2


async def test_a_remembered_verdict_serves_no_other_secret_and_no_other_call(
    world: World,
) -> None:
    await world.call("GET", "/tags", headers=world.client)

    other = await world.call("GET", "/tags", headers={"clientSecret": "other"})
    more = await world.call("GET", "/messages", headers=world.client)

    assert (other.status_code, more.status_code) == (401, 401)


def test_no_more_verdicts_are_kept_than_there_is_room_for() -> None:
    verdicts = Verdicts(5.0, Clock())
    for i in range(MAX_VERDICTS + 1):
        verdicts.put("app", str(i).encode(), Caller.CLIENT)

    kept = [verdicts.get("app", str(i).encode()) for i in (0, 1, MAX_VERDICTS)]
    assert kept == [None, Caller.CLIENT, Caller.CLIENT]

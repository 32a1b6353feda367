"""Who is let in without being asked again, and how is one told that is not?"""

import asyncio

import pytest

from services.edge.accounts import MAX_REFUSALS, Accounts, Refusals, Rules
from services.kit.faults import StoreUnavailable
from tests.edge.conftest import APP_ID, APPS, OPERATOR, Clock, World

STRANGER = "99999999-9999-4999-8999-999999999999"
JUDGING, CONFIRMING = "AuthenticateCallers", "ListAccessVersions"
RULES = Rules(1, enabled=True, verify_client_secret=True, clients_list_devices=False)


async def ask(world: World, headers: dict[str, str], path: str = "/tags") -> int:
    return (await world.call("GET", path, headers=headers)).status_code


@pytest.mark.parametrize("name", ["clientSecret", "CLIENTSECRET", "clientsecret"])
async def test_header_names_may_be_written_anyhow(world: World, name: str) -> None:
    assert await ask(world, {name: world.client["clientSecret"]}) == 200


@pytest.mark.parametrize("app_id", [STRANGER, "acme", "%00", APP_ID + "x", "%F0%9F%94%94"])
async def test_an_unknown_application_is_404_only_with_a_credential(
    world: World, app_id: str
) -> None:
    path = f"{APPS}/{app_id}/devices/phone"

    without = await world.http.get(path)
    foreign = await world.http.get(path, headers={"Authorization": "Bearer of-another-service"})
    answer = await world.http.get(path, headers=world.client)

    assert (without.status_code, foreign.status_code) == (401, 401)
    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")


async def test_the_applications_id_may_be_in_upper_case(world: World) -> None:
    token = await world.token("Reader")
    path = f"{APPS}/{APP_ID.upper()}/tags"
    answers = [await world.http.get(path, headers=each) for each in (world.client, token)]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("secret", ["x" * 5000, "\xe9\xff", "tab\there"])
async def test_what_cannot_be_a_secret_is_a_wrong_one_and_registry_never_sees_it(
    world: World, secret: str
) -> None:
    await ask(world, world.client)
    world.registry.calls.clear()
    answer = await world.http.get(
        f"{APPS}/{APP_ID}/tags", headers={b"clientSecret": secret.encode("latin-1")}
    )

    assert (answer.status_code, world.registry.calls) == (401, [])


@pytest.fixture
async def warm(world: World) -> dict[str, dict[str, str]]:
    """Callers that have called before; registry's calls are counted from here."""
    callers = {
        "clientSecret": world.client,
        "appSecret": world.back_end,
        "token": await world.token("Writer"),
        "secret and stray token": world.client | {"Authorization": "Bearer of-another-service"},
    }
    await world.register()
    for headers in callers.values():
        assert await ask(world, headers) == 200
    world.registry.calls.clear()
    return callers


async def test_a_caller_who_is_known_costs_no_call(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    """For as long as it takes, while registry confirms the application once a second."""
    for _ in range(100):
        world.clock.now += 1
        await world.admission.confirm_all()
        for headers in warm.values():
            assert await ask(world, headers, "/devices/phone") == 200
    calls = world.registry.calls

    assert JUDGING not in calls
    assert (calls.count(CONFIRMING), calls.count("GetDevice")) == (100, 400)


async def test_a_caller_is_asked_about_again_where_nobody_confirms(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    world.clock.now += world.settings.auth_cache_seconds - 0.1
    assert await ask(world, warm["appSecret"]) == 200
    before = world.registry.calls.count(JUDGING)
    world.clock.now += 0.1
    assert await ask(world, warm["appSecret"]) == 200

    assert (before, world.registry.calls.count(JUDGING)) == (0, 1)


async def test_nobody_is_believed_longer_because_registry_is_away(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    world.registry.failures = {JUDGING: StoreUnavailable(), CONFIRMING: StoreUnavailable()}
    at_once = await ask(world, warm["clientSecret"])
    world.clock.now += world.settings.auth_cache_seconds
    later = await ask(world, warm["clientSecret"])

    assert (at_once, later) == (200, 503)


async def test_what_another_edge_revoked_ends_with_the_next_confirmation(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    tenant = world.registry.tenants[APP_ID]
    tenant.keys.clear()
    tenant.version += 1
    await world.admission.confirm_all()

    assert await ask(world, warm["token"]) == 401
    assert await ask(world, warm["appSecret"]) == 200


async def test_what_was_deleted_elsewhere_ends_with_the_next_confirmation(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    del world.registry.tenants[APP_ID]
    await world.admission.confirm_all()

    assert await ask(world, warm["appSecret"]) == 404


async def test_what_was_changed_here_ends_at_once(
    world: World, warm: dict[str, dict[str, str]]
) -> None:
    rotated = await world.http.post(f"{APPS}/{APP_ID}/secrets/clientSecret", headers=OPERATOR)
    keys = (await world.call("GET", "/apiKeys")).json()["apiKeys"]
    for key in keys:
        await world.call("DELETE", f"/apiKeys/{key['keyId']}")
    statuses = [
        await ask(world, headers)
        for headers in (
            warm["clientSecret"],
            {"clientSecret": rotated.json()["clientSecret"]},
            warm["token"],
        )
    ]

    assert statuses == [401, 200, 401]


async def test_a_storm_of_one_wrong_secret_asks_once(world: World, warm: object) -> None:
    statuses = {await ask(world, {"clientSecret": "wrong"}) for _ in range(50)}

    assert (statuses, world.registry.calls) == ({401}, [JUDGING])


async def test_a_storm_of_many_wrong_secrets_asks_in_few_calls(world: World, warm: object) -> None:
    statuses = await asyncio.gather(
        *(ask(world, {"clientSecret": f"wrong {n}"}) for n in range(300))
    )

    assert set(statuses) == {401}
    assert world.registry.calls.count(JUDGING) <= 10


async def test_a_storm_on_an_application_that_is_none_asks_once(world: World) -> None:
    world.registry.calls.clear()
    path = f"{APPS}/{STRANGER}/tags"
    answers = [await world.http.get(path, headers={"appSecret": str(n)}) for n in range(50)]

    assert {answer.status_code for answer in answers} == {404}
    assert world.registry.calls == [JUDGING]


async def test_an_application_that_is_none_is_found_when_it_is_created_here(world: World) -> None:
    await world.http.get(f"{APPS}/{STRANGER}/tags", headers={"appSecret": "any"})
    created = await world.http.post(APPS, json={"applicationId": STRANGER}, headers=OPERATOR)
    headers = {"appSecret": created.json()["appSecret"]}

    assert (await world.http.get(f"{APPS}/{STRANGER}/tags", headers=headers)).status_code == 200


async def test_a_crowd_of_one_client_asks_once(world: World) -> None:
    world.registry.calls.clear()
    statuses = await asyncio.gather(*(ask(world, world.client) for _ in range(100)))

    assert set(statuses) == {200}
    assert world.registry.calls.count(JUDGING) <= 2


def test_a_refusal_is_kept_for_seconds_and_no_more_than_there_is_room_for() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for number in range(MAX_REFUSALS + 1):
        refusals.add(number)
    kept = [number in refusals for number in (0, 1, MAX_REFUSALS)]
    clock.now += 2

    assert kept == [False, True, True]
    assert MAX_REFUSALS not in refusals


def test_an_answer_that_was_overtaken_is_not_kept() -> None:
    clock = Clock()
    accounts = Accounts(4.0, clock)
    newer = Rules(2, enabled=False, verify_client_secret=True, clients_list_devices=False)
    accounts.learn(APP_ID, newer, clock.now)
    accounts.learn(APP_ID, RULES, clock.now)
    accounts.confirm(APP_ID, 1, clock.now)
    account = accounts.get(APP_ID)

    assert account is not None
    assert account.rules is newer


def test_an_application_nobody_calls_is_confirmed_no_more() -> None:
    clock = Clock()
    accounts = Accounts(4.0, clock)
    accounts.learn(APP_ID, RULES, clock.now)
    clock.now += 59
    accounts.learn(STRANGER, RULES, clock.now)
    both = accounts.in_use()
    clock.now += 2

    assert (both, accounts.in_use()) == ([APP_ID, STRANGER], [STRANGER])

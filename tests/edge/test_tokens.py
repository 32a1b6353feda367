"""Whose token is it, and until when?"""

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.edge.tokens import LIFETIMES, Holder, Tokens, Use, read_keys
from services.kit.settings import SettingInvalid
from tests.edge.conftest import TOKEN_KEY, Clock, World

KEYS = {"new": b"n" * 32, "old": b"o" * 32}
HOLDER = Holder("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "key-1")
GRANT = "urn:ibm:params:oauth:grant-type:apikey"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(KEYS, clock)


def test_it_stands_for_whom_it_was_minted(tokens: Tokens) -> None:
    assert tokens.read(tokens.mint(HOLDER, Use.ACCESS).text, Use.ACCESS) == HOLDER


@pytest.mark.parametrize("use", Use)
def test_it_ends_when_it_said(tokens: Tokens, clock: Clock, use: Use) -> None:
    minted = tokens.mint(HOLDER, use)
    clock.now += LIFETIMES[use] - 1
    shortly_before = tokens.read(minted.text, use)
    clock.now += 1

    assert minted.expiration == clock.now
    assert (shortly_before, tokens.read(minted.text, use)) == (HOLDER, None)


def test_one_for_refreshing_opens_nothing_and_the_other_refreshes_nothing(tokens: Tokens) -> None:
    access, refresh = (tokens.mint(HOLDER, use).text for use in (Use.ACCESS, Use.REFRESH))

    assert tokens.read(refresh, Use.ACCESS) is None
    assert tokens.read(access, Use.REFRESH) is None


def test_a_key_that_was_first_still_verifies(clock: Clock, tokens: Tokens) -> None:
    earlier = Tokens({"old": KEYS["old"]}, clock).mint(HOLDER, Use.ACCESS)

    assert tokens.read(earlier.text, Use.ACCESS) == HOLDER


def test_another_installations_is_not_ours(clock: Clock, tokens: Tokens) -> None:
    foreign = Tokens({"new": b"x" * 32}, clock).mint(HOLDER, Use.ACCESS)

    assert tokens.read(foreign.text, Use.ACCESS) is None


def write(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_what_is_unsigned_or_signed_otherwise_is_not_ours(tokens: Tokens) -> None:
    claims = {"sub": "k", "app": HOLDER.app_id, "aud": "access", "iat": 0, "exp": 2**40}
    forged = [
        f"{write({'alg': 'none', 'kid': 'new', 'typ': 'JWT'})}.{write(claims)}.",
        jwt.encode(claims, "o" * 32, "HS256", {"kid": "new"}),
        jwt.encode(claims, "n" * 64, "HS512", {"kid": "new"}),
        "[" * 3000,
        "x" * 100_000,
        "",
    ]

    assert [tokens.read(text, Use.ACCESS) for text in forged] == [None] * len(forged)


@given(some.integers(0, 400), some.characters(codec="ascii"))
def test_no_letter_of_it_can_be_changed(place: int, letter: str) -> None:
    tokens = Tokens(KEYS, Clock())
    text = tokens.mint(HOLDER, Use.ACCESS).text
    place %= len(text) - 1  # the last letter holds two bits that count for nothing
    changed = text[:place] + letter + text[place + 1 :]

    assert (tokens.read(changed, Use.ACCESS) is None) == (changed != text)


@pytest.mark.parametrize("entries", [(), ("first",), ("first:c2hvcnQ=",), (TOKEN_KEY, TOKEN_KEY)])
def test_keys_that_are_none_are_refused(entries: tuple[str, ...]) -> None:
    with pytest.raises(SettingInvalid, match="TOKEN_KEYS"):
        read_keys(entries)


async def exchange(world: World, **form: str) -> Any:
    return await world.http.post("/identity/token", data=form)


async def test_an_api_key_is_exchanged_for_an_hour(world: World) -> None:
    answer = await exchange(
        world, grant_type=GRANT, apikey=world.api_key, response_type="cloud_iam"
    )
    body = answer.json()

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert {name: type(value) for name, value in body.items()} == {
        "access_token": str,
        "refresh_token": str,
        "token_type": str,
        "expires_in": int,
        "expiration": int,
        "scope": str,
        "ims_user_id": int,
    }
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        3600,
        "ibm openid",
    )


async def test_it_is_refreshed_as_long_as_its_key_lives(world: World) -> None:
    first = (await exchange(world, grant_type=GRANT, apikey=world.api_key)).json()
    basic = {"Authorization": "Basic Yng6Yng="}
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = await world.http.post("/identity/token", data=form, headers=basic)
    bearer = {"Authorization": f"bearer {second.json()['access_token']}"}
    read = await world.call("GET", "/tags", headers=bearer)
    for key in (await world.call("GET", "/apiKeys")).json()["apiKeys"]:
        await world.call("DELETE", f"/apiKeys/{key['keyId']}")
    third = await world.http.post("/identity/token", data=form)

    assert (second.status_code, read.status_code, third.status_code) == (200, 200, 401)


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({}, 400, "grant_type"),
        ({"grant_type": "password"}, 400, "grant_type"),
        ({"grant_type": GRANT}, 400, "apikey"),
        ({"grant_type": "refresh_token"}, 400, "refresh_token"),
        ({"grant_type": GRANT, "apikey": "x"}, 401, "apikey"),
        ({"grant_type": GRANT, "apikey": "é\0"}, 401, "apikey"),
        ({"grant_type": GRANT, "apikey": "x" * 5000}, 401, "apikey"),
        ({"grant_type": "refresh_token", "refresh_token": "x.y.z"}, 401, "refresh_token"),
        ({f"field {n}": "x" for n in range(30)}, 400, "body"),
    ],
)
async def test_what_is_wrong_is_told_in_json(
    world: World, form: dict[str, str], status: int, word: str
) -> None:
    answer = await exchange(world, **form)

    assert answer.status_code == status
    assert set(answer.json()) == {"message", "code"}
    assert word in answer.json()["message"]
    assert "www-authenticate" not in answer.headers


async def test_a_switched_off_application_mints_none(world: World) -> None:
    world.registry.tenants[HOLDER.app_id].application.enabled = False

    answer = await exchange(world, grant_type=GRANT, apikey=world.api_key)

    assert (answer.status_code, answer.json()["code"]) == (409, "FPWSE1007E")

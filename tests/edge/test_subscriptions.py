"""Which statuses and shapes do the SDKs see when they subscribe and unsubscribe?"""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.edge.app import build_app, open_admission
from services.edge.rooms import open_rooms
from services.kit.process import House
from tests.edge.conftest import APP_ID, APPS, PUBLIC, World


async def fill(world: World) -> None:
    await world.register(userId="ada")
    for name in ("news", "rates"):
        await world.create_tag(name)


async def subscribe(world: World, body: dict[str, Any], query: str = "") -> tuple[int, Any]:
    answer = await world.post(
        f"/subscriptions{query}", {"deviceId": "phone"} | body, headers=world.client
    )
    return answer.status_code, answer.json()


async def test_a_single_one_is_201_and_its_repeat_200(world: World) -> None:
    await fill(world)

    first = await subscribe(world, {"tagName": "news"})
    second = await subscribe(world, {"tagName": "news"})

    assert (first[0], second[0]) == (201, 200)
    assert first[1] == second[1]
    assert all(isinstance(value, str) for value in first[1].values())
    assert {"deviceId": "phone", "tagName": "news", "userId": "ada"}.items() <= first[1].items()
    assert len(first[1]["subscriptionId"]) == 32


async def test_in_bulk_it_is_always_207_with_each_tag_judged(world: World) -> None:
    await fill(world)
    await subscribe(world, {"tagName": "news"})

    mixed = await subscribe(world, {"tagNames": ["news", "rates", "none"]})
    clean = await subscribe(world, {"tagNames": ["news"]})

    assert (mixed[0], clean[0]) == (207, 207)
    assert [one["tagName"] for one in mixed[1]["subscribed"]] == ["rates"]
    assert [one["tagName"] for one in mixed[1]["subscriptionExists"]] == ["news"]
    assert mixed[1]["tagsNotFound"]["tags"] == ["none"]
    assert mixed[1]["tagsNotFound"]["code"] == "FPWSE0001E"
    assert "tagsNotFound" not in clean[1]


async def test_unsubscribing_in_bulk_is_207_with_names(world: World) -> None:
    await fill(world)
    await subscribe(world, {"tagName": "news"})

    answer = await subscribe(world, {"tagNames": ["news", "rates", "x"]}, "?action=delete")
    single = await subscribe(world, {"tagName": "rates"}, "?action=delete")

    assert answer[0] == single[0] == 207
    assert answer[1]["unsubscribed"] == ["news"]
    assert answer[1]["subscriptionNotExists"] == ["rates"]
    assert answer[1]["tagsNotFound"]["tags"] == ["x"]
    assert single[1] == {"unsubscribed": [], "subscriptionNotExists": ["rates"]}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?deviceId=phone&tagName=news", 204, None),
        ("?deviceId=phone&tagName=rates", 404, "FPWSE0012E"),
        ("?deviceId=phone&tagName=none", 404, "FPWSE0001E"),
        ("?deviceId=none&tagName=news", 404, "FPWSE0001E"),
        ("?deviceId=phone", 400, "FPWSE0008E"),
        ("?tagName=news", 400, "FPWSE0008E"),
        ("", 400, "FPWSE0008E"),
        ("?deviceId=phone&tagName=news&force=true", 400, "FPWSE0007E"),
    ],
)
async def test_deleting_by_query(world: World, query: str, status: int, code: str | None) -> None:
    await fill(world)
    await subscribe(world, {"tagName": "news"})

    answer = await world.call("DELETE", f"/subscriptions{query}", headers=world.client)

    assert answer.status_code == status
    assert (answer.json()["code"] if code else answer.content or None) == code


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?deviceId=phone", {"news", "rates", "Push.ALL"}),
        ("?deviceId=phone&tagName=news", {"news"}),
        ("?userId=ada&tagName=news", {"news"}),
        ("?userId=bob", set()),
        ("?filter=tagName=@ate", {"rates"}),
        ("?filter=tagName==news&filter=deviceId==phone", {"news"}),
        ("?filter=tagName==news&tagName=rates", set()),
    ],
)
async def test_listing_holds_strings_and_what_is_asked_for(
    world: World, query: str, expected: set[str]
) -> None:
    await fill(world)
    await subscribe(world, {"tagNames": ["news", "rates"]})

    answer = await world.call("GET", f"/subscriptions{query}", headers=world.client)

    assert answer.status_code == 200
    found = answer.json()["subscriptions"]
    assert {one["tagName"] for one in found} == expected
    assert all(isinstance(value, str) for one in found for value in one.values())


async def test_opting_out_of_broadcasts_and_back(world: World) -> None:
    await fill(world)

    out = await subscribe(world, {"tagNames": ["Push.ALL"]}, "?action=delete")
    listed = await world.call("GET", "/subscriptions?deviceId=phone")
    back = await subscribe(world, {"tagName": "Push.ALL"})

    assert out[1]["unsubscribed"] == ["Push.ALL"]
    assert listed.json()["subscriptions"] == []
    assert back[0] == 201


@pytest.mark.parametrize(
    ("body", "query", "field"),
    [
        ({"deviceId": None, "tagName": "news"}, "", "deviceId"),
        ({}, "", "tagName"),
        ({"tagNames": []}, "", "tagNames"),
        ({"tagNames": ["x"] * 1001}, "", "tagNames"),
        ({"tagNames": "news"}, "", "tagNames"),
        ({"tagNames": [1]}, "", "tagNames[0]"),
        ({"tagNames": ["n" * 255]}, "", "tagNames"),
        ({"tagNames": ["a\0"]}, "", "tagNames[0]"),
        ({"tagName": "news"}, "?action=explode", "action"),
    ],
)
async def test_a_wrong_field_is_named(
    world: World, body: dict[str, Any], query: str, field: str
) -> None:
    await fill(world)

    status, answer = await subscribe(world, body, query)

    assert (status, answer["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer["message"]


@pytest.mark.parametrize("body", [{"tagName": "none"}, {"deviceId": "none", "tagName": "news"}])
async def test_what_is_unknown_is_404(world: World, body: dict[str, Any]) -> None:
    await fill(world)

    status, answer = await subscribe(world, body)

    assert (status, answer["code"]) == (404, "FPWSE0001E")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter=tagName==news,other", ["news"]),
        ("filter=tagName=@ne&filter=tagName=@ws,x", ["news"]),
        ("filter=tagName=@a\\,b", []),
        ("filter=deviceId=@pho", ["news"]),
        ("filter=deviceId==phone,tablet&filter=tagName=@x", []),
    ],
)
async def test_filters_may_name_several_values(
    world: World, query: str, expected: list[str]
) -> None:
    await fill(world)
    await subscribe(world, {"deviceId": "phone", "tagName": "news"})

    answer = await world.call("GET", f"/subscriptions?{query}")

    assert [one["tagName"] for one in answer.json()["subscriptions"]] == expected


async def test_a_subscription_is_read_and_ended_by_its_href(world: World) -> None:
    await fill(world)
    _, made = await subscribe(world, {"deviceId": "phone", "tagName": "news"})
    path = made["href"].removeprefix(PUBLIC)
    read = await world.http.get(path, headers=world.client)
    ended = await world.http.delete(path, headers=world.client)
    again = await world.http.delete(path, headers=world.client)

    assert (read.status_code, read.json()) == (200, made)
    assert (ended.status_code, ended.content) == (204, b"")
    assert (again.status_code, again.json()["code"]) == (404, "FPWSE0012E")
    assert made["subscriptionId"] in again.json()["message"]


async def test_a_plus_may_stand_for_itself(world: World) -> None:
    """Android sends names into URLs as they are; others mean a blank by a plus."""
    await world.register()
    for name in ("a+b", "c d"):
        await world.create_tag(name)
        await subscribe(world, {"deviceId": "phone", "tagName": name})

    for query in ("tagName=a+b", "tagName=c+d"):
        answer = await world.call("DELETE", f"/subscriptions?deviceId=phone&{query}")

        assert answer.status_code == 204, answer.text


async def test_a_strict_installation_refuses_a_second_subscription(
    house: House, world: World
) -> None:
    await fill(world)
    settings = replace(world.settings, strict_subscriptions=True)
    rooms = open_rooms(house, settings)
    app = build_app(rooms, settings, open_admission(rooms, settings, world.clock))
    strict = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge")
    path, body = f"{APPS}/{APP_ID}/subscriptions", {"deviceId": "phone", "tagName": "news"}
    async with strict:
        first = await strict.post(path, json=body, headers=world.client)
        second = await strict.post(path, json=body, headers=world.client)
        bulk = await strict.post(
            path, json={"deviceId": "phone", "tagNames": ["news"]}, headers=world.client
        )

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "FPWSE0011E")
    assert bulk.status_code == 207

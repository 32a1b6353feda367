"""What do the resources of channels and channel groups promise?"""

import pytest

from tests.edge.conftest import APP_ID, APPS, PUBLIC, World

HREF = f"{PUBLIC}{APPS}/{APP_ID}"
TIMES = {"createdTime": "2026-11-02T12:00:00.000Z", "lastUpdatedTime": "2026-11-02T12:00:00.000Z"}
GROUP = {"groupId": "money", "groupName": "Money"}
PLAIN = {"channelId": "alerts", "channelName": "Alerts"}
FULL = {
    "channelId": "alerts",
    "channelName": "Alerts",
    "importance": 5,
    "enableLights": True,
    "lightColor": "RED",
    "enableVibration": True,
    "vibrationPattern": [0, 200, 100, 200],
    "sound": "bell",
    "lockScreenVisibility": -1,
    "bypassDND": True,
    "showBadge": False,
    "description": "Transactions",
    "groupId": "money",
}
DEFAULTS = {
    "importance": 3,
    "enableLights": False,
    "lightColor": "BLACK",
    "enableVibration": False,
    "vibrationPattern": [],
    "lockScreenVisibility": 1,
    "bypassDND": False,
    "showBadge": True,
}


async def test_all_that_a_channel_is_comes_back(world: World) -> None:
    await world.post("/channelGroups", GROUP)

    created = await world.post("/channels", FULL)
    read = await world.call("GET", "/channels/alerts")

    assert (created.status_code, read.status_code) == (201, 200)
    assert created.json() == read.json() == FULL | TIMES | {"href": f"{HREF}/channels/alerts"}


async def test_what_is_left_out_is_as_the_sdk_has_it(world: World) -> None:
    created = await world.post("/channels", PLAIN | {"importance": None, "sound": None})

    assert created.json() == PLAIN | DEFAULTS | TIMES | {"href": f"{HREF}/channels/alerts"}


async def test_texts_stand_for_numbers_and_switches(world: World) -> None:
    asked = {"importance": "4", "enableLights": "true", "vibrationPattern": ["10", "20"]}

    created = await world.post("/channels", PLAIN | asked | {"lockScreenVisibility": "0"})

    told = {"importance": 4, "enableLights": True, "vibrationPattern": [10, 20]}
    assert created.json() == PLAIN | DEFAULTS | TIMES | told | {
        "lockScreenVisibility": 0,
        "href": f"{HREF}/channels/alerts",
    }


async def test_putting_replaces_all_but_the_id(world: World) -> None:
    await world.post("/channelGroups", GROUP)
    await world.post("/channels", FULL)

    replaced = await world.call("PUT", "/channels/alerts", json={"channelName": "News"})
    other = await world.call("PUT", "/channels/alerts", json=PLAIN | {"channelId": "other"})

    told = {"channelId": "alerts", "channelName": "News", "href": f"{HREF}/channels/alerts"}
    assert replaced.status_code == 200
    assert replaced.json() == DEFAULTS | TIMES | told
    assert (other.status_code, other.json()["code"]) == (400, "FPWSE0005E")


@pytest.mark.parametrize(("path", "body"), [("/channels", PLAIN), ("/channelGroups", GROUP)])
async def test_one_that_is_taken_is_409_and_one_deleted_404(
    world: World, path: str, body: dict[str, str]
) -> None:
    one = f"{path}/{next(iter(body.values()))}"
    await world.post(path, body)

    again = await world.post(path, body)
    deleted = await world.call("DELETE", one)
    gone = [await world.call(method, one, json=body) for method in ("GET", "PUT", "DELETE")]

    assert (again.status_code, again.json()["code"]) == (409, "FPWSE0002E")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [(a.status_code, a.json()["code"]) for a in gone] == [(404, "FPWSE0001E")] * 3


async def test_a_group_is_made_read_and_renamed(world: World) -> None:
    href = {"href": f"{HREF}/channelGroups/money"}

    created = await world.post("/channelGroups", GROUP)
    renamed = await world.call("PUT", "/channelGroups/money", json={"groupName": "Cash"})
    read = await world.call("GET", "/channelGroups/money")

    assert [a.status_code for a in (created, renamed, read)] == [201, 200, 200]
    assert created.json() == GROUP | TIMES | href
    assert read.json() == renamed.json() == GROUP | TIMES | href | {"groupName": "Cash"}


@pytest.mark.parametrize(
    ("path", "bodies"),
    [
        ("/channels", [PLAIN | {"channelId": name} for name in "cab"]),
        ("/channelGroups", [GROUP | {"groupId": name} for name in "cab"]),
    ],
)
async def test_lists_go_by_the_id_and_by_pages(
    world: World, path: str, bodies: list[dict[str, str]]
) -> None:
    for body in bodies:
        await world.post(path, body)

    first = (await world.call("GET", f"{path}?size=2")).json()
    rest = (await world.call("GET", first["pageInfo"]["next"].partition(APP_ID)[2])).json()

    member = path.removeprefix("/")
    ids = [next(iter(one.values())) for page in (first, rest) for one in page[member]]
    assert ids == ["a", "b", "c"]
    assert (first["pageInfo"]["count"], first["pageInfo"]["totalCount"]) == (2, 3)
    assert "next" not in rest["pageInfo"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channelName": "x"}, "channelId"),
        ({"channelId": "x"}, "channelName"),
        (PLAIN | {"channelName": "n" * 255}, "channelName"),
        (PLAIN | {"importance": 6}, "importance"),
        (PLAIN | {"importance": -1}, "importance"),
        (PLAIN | {"importance": 2**40}, "importance"),
        (PLAIN | {"importance": "high"}, "importance"),
        (PLAIN | {"lightColor": "mauve"}, "lightColor"),
        (PLAIN | {"vibrationPattern": [1, 10_001]}, "vibrationPattern[1]"),
        (PLAIN | {"vibrationPattern": "100,200"}, "vibrationPattern"),
        (PLAIN | {"lockScreenVisibility": 2}, "lockScreenVisibility"),
        (PLAIN | {"bypassDND": "perhaps"}, "bypassDND"),
        (PLAIN | {"description": "d" * 1025}, "description"),
        (PLAIN | {"groupId": "none"}, "groupId"),
    ],
)
async def test_a_wrong_field_is_named(world: World, body: object, field: str) -> None:
    answer = await world.post("/channels", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]
    assert not world.channels.channels


async def test_a_send_names_its_channel(world: World) -> None:
    await world.send(settings={"gcm": {"channelId": "alerts"}})

    (message,) = world.dispatch.messages.values()
    assert message.content.android.channel_id == "alerts"

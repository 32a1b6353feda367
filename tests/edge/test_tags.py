"""What does the tags' resource promise, to apps and to back ends?"""

import pytest

from tests.edge.conftest import APP_ID, APPS, PUBLIC, World

HREF = f"{PUBLIC}{APPS}/{APP_ID}/tags/mortgage-rates"
TAG = {"name": "mortgage-rates", "description": "Rates, daily"}


async def test_creating_answers_201_with_strings_only(world: World) -> None:
    answer = await world.post("/tags", TAG)

    assert answer.status_code == 201
    assert answer.json() == TAG | {
        "createdTime": "2026-11-02T12:00:00.000Z",
        "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
        "createdMode": "API",
        "uri": HREF,
        "href": HREF,
    }


async def test_a_taken_name_is_409(world: World) -> None:
    await world.post("/tags", TAG)

    again = await world.post("/tags", TAG)
    reserved = await world.post("/tags", {"name": "Push.ALL"})

    assert [(a.status_code, a.json()["code"]) for a in (again, reserved)] == [
        (409, "FPWSE0002E"),
        (409, "FPWSE0002E"),
    ]
    assert "already exists on the server" in again.json()["message"]


async def test_every_member_of_a_listed_tag_is_a_string(world: World) -> None:
    await world.post("/tags", TAG)

    plain = await world.call("GET", "/tags", headers=world.client)
    counted = await world.call("GET", "/tags?subscriptionCount=true", headers=world.client)

    for answer in (plain, counted):
        assert all(isinstance(value, str) for value in answer.json()["tags"][0].values())
    assert "subscriptionCount" not in plain.json()["tags"][0]
    assert counted.json()["tags"][0]["subscriptionCount"] == "0"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter=name==news", ["news"]),
        ("filter=name==news,a%5C,b", ["a,b", "news"]),
        ("filter=name=@ew", ["news"]),
        ("filter=name=@e&filter=name=@w", ["news"]),
        ("filter=description==none", []),
        ("filter=name==a%5C%5Cb", []),
    ],
)
async def test_a_filter_narrows_the_list(world: World, query: str, expected: list[str]) -> None:
    for name in ("news", "a,b", "weather-e"):
        await world.create_tag(name)
    await world.call("DELETE", "/tags/weather-e")

    answer = await world.call("GET", f"/tags?{query}")

    assert [tag["name"] for tag in answer.json()["tags"]] == expected


async def test_reading_changing_and_deleting_one(world: World) -> None:
    await world.post("/tags", {"name": "a/b c"})

    read = await world.call("GET", "/tags/a%2Fb%20c", headers=world.client)
    changed = await world.call("PUT", "/tags/a/b%20c", json={"description": "new"})
    deleted = await world.call("DELETE", "/tags/a/b%20c")
    gone = await world.call("GET", "/tags/a/b%20c")

    assert [a.status_code for a in (read, changed, deleted, gone)] == [200, 200, 204, 404]
    assert (read.json()["name"], changed.json()["description"]) == ("a/b c", "new")
    assert (deleted.content, gone.json()["code"]) == (b"", "FPWSE0001E")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/tags", {}, "name"),
        ("POST", "/tags", {"name": ""}, "name"),
        ("POST", "/tags", {"name": 5}, "name"),
        ("POST", "/tags", {"name": "n" * 255}, "name"),
        ("POST", "/tags", {"name": "n", "description": "d" * 1025}, "description"),
        ("POST", "/tags", {"name": "n", "description": "\0"}, "description"),
        ("PUT", "/tags/mortgage-rates", {}, "description"),
        ("PUT", "/tags/mortgage-rates", {"description": []}, "description"),
        ("PUT", "/tags/mortgage-rates", {"name": "x", "description": "d"}, "name"),
    ],
)
async def test_a_wrong_field_is_named(
    world: World, method: str, path: str, body: object, field: str
) -> None:
    await world.post("/tags", TAG)

    answer = await world.call(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_an_unknown_one_is_404(world: World, method: str) -> None:
    answer = await world.call(method, "/tags/none", json={"description": "d"})

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
    assert "'none'" in answer.json()["message"]

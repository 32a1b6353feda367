"""How does a caller walk through a list, however long?"""

from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.requests import Request

from services.edge.links import Links
from services.edge.pages import Page, Pager
from tests.edge.conftest import APP_ID, APPS, PUBLIC, World


async def walk(world: World, path: str) -> list[str]:
    """Follow `next` to the end; the names found on the way."""
    found: list[str] = []
    url: str | None = path
    while url:
        answer: httpx.Response = await world.http.get(url, headers=world.back_end)
        assert answer.status_code == 200, answer.text
        found += [tag["name"] for tag in answer.json()["tags"]]
        url = answer.json()["pageInfo"].get("next", "").removeprefix(PUBLIC)
    return found


async def test_following_next_finds_everything_once(world: World) -> None:
    names = [f"tag-{i}" for i in range(7)]
    for name in names:
        await world.create_tag(name)

    assert await walk(world, f"{APPS}/{APP_ID}/tags?size=3&filter=name=@tag") == names


async def test_a_page_tells_its_neighbours(world: World) -> None:
    for i in range(5):
        await world.create_tag(f"tag-{i}")

    answer = await world.call("GET", "/tags?size=2&offset=2&expand=true")

    tags = f"{PUBLIC}{APPS}/{APP_ID}/tags"
    assert answer.json()["pageInfo"] == {
        "count": 2,
        "totalCount": 5,
        "next": f"{tags}?size=2&expand=true&offset=4",
        "previous": f"{tags}?size=2&expand=true&offset=0",
    }


async def test_the_last_page_has_no_next(world: World) -> None:
    answer = await world.call("GET", "/tags")

    assert answer.json() == {"tags": [], "pageInfo": {"count": 0, "totalCount": 0}}


def describe(page: Page) -> dict[str, object]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/imfpush/v1/apps/x/devices",
        "query_string": b"size=100&offset=10000&userId=a%26b",
        "headers": [],
    }
    pager = Pager(Links(PUBLIC))
    return pager.describe(Request(scope), page, count=100, total=None, next_token="token=")


def test_beyond_the_deepest_offset_next_carries_a_cursor() -> None:
    described = describe(Page(size=100, offset=10_000, cursor=""))

    query = parse_qs(urlsplit(str(described["next"])).query)
    assert query == {"size": ["100"], "userId": ["a&b"], "cursor": ["token="]}


def test_a_cursor_goes_on_as_a_cursor() -> None:
    described = describe(Page(size=100, offset=0, cursor="before"))

    assert "cursor=token%3D" in str(described["next"])
    assert "previous" not in described


async def test_a_cursor_from_one_list_opens_no_other(world: World) -> None:
    for i in range(3):
        await world.create_tag(f"tag-{i}")
    listed = await world.http.get(f"{APPS}?size=1", headers=world.back_end)
    assert listed.status_code == 401

    answer = await world.call("GET", "/tags?cursor=WyJ4IixbMV1d")

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")

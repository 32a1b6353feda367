"""How does a caller walk through a list, however long?"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.requests import Request

from carillon.registry.v1.device_service_pb2 import ListDevicesResponse
from services.edge.links import Links
from services.edge.pages import Pager
from tests.edge.conftest import APP_ID, APPS, PUBLIC, World


async def walk(world: World, path: str, towards: str = "next") -> list[dict[str, Any]]:
    """Follow `towards` to the end; the answers on the way."""
    pages: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        answer: httpx.Response = await world.http.get(url, headers=world.back_end)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        url = pages[-1]["pageInfo"].get(towards, "").removeprefix(PUBLIC)
    return pages


@pytest.mark.parametrize("size", [1, 3, 7, 8])
@pytest.mark.parametrize("query", ["filter=name=@tag", "expand=false&subscriptionCount=true"])
async def test_following_next_and_previous_meets_everything_once(
    world: World, size: int, query: str
) -> None:
    names = [f"tag-{i}" for i in range(7)]
    for name in names:
        await world.create_tag(name)
    path = f"{APPS}/{APP_ID}/tags?size={size}&{query}"
    pages = await walk(world, path)
    before_last = pages[-1]["pageInfo"].get("previous", "").removeprefix(PUBLIC)
    back = await walk(world, before_last, "previous") if before_last else []

    assert [tag["name"] for page in pages for tag in page["tags"]] == names
    assert [page["tags"] for page in back[::-1]] == [page["tags"] for page in pages[:-1]]


async def test_a_page_tells_its_neighbours(world: World) -> None:
    for i in range(5):
        await world.create_tag(f"tag-{i}")

    answer = await world.call("GET", "/tags?size=2&offset=2&expand=true")

    described = answer.json()["pageInfo"]
    assert (described["count"], described["totalCount"]) == (2, 5)
    for neighbour in ("next", "previous"):
        url = urlsplit(described[neighbour])
        query = parse_qs(url.query)
        assert url.geturl().startswith(f"{PUBLIC}{APPS}/{APP_ID}/tags?")
        assert query.keys() == {"size", "expand", "cursor"}


async def test_a_whole_list_is_counted_even_where_no_count_is_kept(world: World) -> None:
    for i in range(3):
        await world.create_tag(f"tag-{i}")
    whole = await world.call("GET", "/tags?filter=name=@tag")
    part = await world.call("GET", "/tags?filter=name=@tag&size=2")

    assert whole.json()["pageInfo"] == {"count": 3, "totalCount": 3}
    assert "totalCount" not in part.json()["pageInfo"]


async def test_the_last_page_has_no_next(world: World) -> None:
    answer = await world.call("GET", "/tags")

    assert answer.json() == {"tags": [], "pageInfo": {"count": 0, "totalCount": 0}}


def describe(listed: ListDevicesResponse) -> dict[str, object]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/imfpush/v1/apps/x/devices",
        "query_string": b"size=100&offset=10000&userId=a%26b",
        "headers": [],
    }
    pager = Pager(Links(PUBLIC))
    return pager.tell(Request(scope), listed, 100)


def test_beyond_the_deepest_offset_next_carries_a_cursor() -> None:
    described = describe(ListDevicesResponse(next_page_token="token="))

    query = parse_qs(urlsplit(str(described["next"])).query)
    assert query == {"size": ["100"], "userId": ["a&b"], "cursor": ["token="]}


def test_a_cursor_goes_on_as_a_cursor() -> None:
    described = describe(ListDevicesResponse(previous_page_token="token="))

    assert "cursor=token%3D" in str(described["previous"])
    assert "next" not in described


async def test_a_cursor_from_one_list_opens_no_other(world: World) -> None:
    for i in range(3):
        await world.create_tag(f"tag-{i}")
    listed = await world.http.get(f"{APPS}?size=1", headers=world.back_end)
    assert listed.status_code == 401

    answer = await world.call("GET", "/tags?cursor=WyJ4IixbMV1d")

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")

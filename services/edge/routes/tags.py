"""Tags: what devices may subscribe to. Every member of a tag is a string; iOS demands it."""

import msgspec
from starlette.responses import Response

from carillon.targeting.v1 import tag_service_pb2 as pb
from carillon.targeting.v1.tag_pb2 import Tag
from carillon.targeting.v1.text_matcher_pb2 import TextMatcher
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.filters import CONTAINS, EXACT, read_filters
from services.edge.links import Links
from services.edge.pages import Pager, read_page
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

OPERATORS = frozenset({EXACT, CONTAINS})
FILTERS = {"name": OPERATORS, "description": OPERATORS}


class TagBody(msgspec.Struct):
    name: str | None = None
    description: str | None = None


class Tags:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/tags",
                GET=(Access.CLIENT_READ, self._list),
                POST=(Access.WRITE, self._create),
            ),
            door.route(
                APP + "/tags/{tag_name:path}",
                GET=(Access.CLIENT_READ, self._read),
                PUT=(Access.WRITE, self._update),
                DELETE=(Access.MANAGE, self._delete),
            ),
        ]

    async def _create(self, call: Call) -> Response:
        body = await call.read(TagBody)
        if not body.name:
            raise problems.required("name")
        tag = Tag(name=body.name, description=body.description or "")
        created = await self._rooms.tags.CreateTag(
            pb.CreateTagRequest(app_id=call.app_id, tag=tag), timeout=self._rooms.timeout
        )
        return answer(self._render(created.tag, call.app_id), status=201)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        matchers = [
            TextMatcher(field=one.name, values=one.values, contains=one.operator == CONTAINS)
            for one in read_filters(call.request, FILTERS)
        ]
        request = pb.ListTagsRequest(
            app_id=call.app_id,
            matchers=matchers,
            count_subscriptions=call.query("subscriptionCount").lower() == "true",
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
        )
        listed = await self._rooms.tags.ListTags(request, timeout=self._rooms.timeout)
        tags = [self._render(tag, call.app_id) for tag in listed.tags]
        described = self._pager.tell(call.request, listed, len(tags))
        return answer({"tags": tags, "pageInfo": described})

    async def _read(self, call: Call) -> Response:
        read = await self._rooms.tags.GetTag(
            pb.GetTagRequest(app_id=call.app_id, name=call.name("tag_name")),
            timeout=self._rooms.timeout,
        )
        return answer(self._render(read.tag, call.app_id))

    async def _update(self, call: Call) -> Response:
        name = call.name("tag_name")
        body = await call.read(TagBody)
        if body.name not in {None, name}:
            raise problems.invalid("name", "cannot be changed")
        if body.description is None:
            raise problems.required("description")
        request = pb.UpdateTagRequest(
            app_id=call.app_id, tag=Tag(name=name, description=body.description)
        )
        request.update_mask.paths.append("description")
        updated = await self._rooms.tags.UpdateTag(request, timeout=self._rooms.timeout)
        return answer(self._render(updated.tag, call.app_id))

    async def _delete(self, call: Call) -> Response:
        await self._rooms.tags.DeleteTag(
            pb.DeleteTagRequest(app_id=call.app_id, name=call.name("tag_name")),
            timeout=self._rooms.timeout,
        )
        return no_content()

    def _render(self, tag: Tag, app_id: str) -> dict[str, str]:
        href = self._links.app(app_id, "tags", tag.name)
        rendered = {
            "name": tag.name,
            "description": tag.description,
            "createdTime": write_time(tag.create_time),
            "lastUpdatedTime": write_time(tag.update_time),
            "createdMode": "API",
            "uri": href,
            "href": href,
        }
        if tag.HasField("subscription_count"):
            rendered["subscriptionCount"] = str(tag.subscription_count)
        return rendered

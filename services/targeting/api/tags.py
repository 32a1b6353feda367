"""TagService."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.targeting.v1 import tag_service_pb2 as pb
from carillon.targeting.v1 import tag_service_pb2_grpc as rpc
from services.kit import paging
from services.targeting.api import Context, checks, wire
from services.targeting.domain.faults import TagExists, TagNotFound
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.store import counts, tags


class TagServicer(rpc.TagServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def CreateTag(
        self, request: pb.CreateTagRequest, _context: Context
    ) -> pb.CreateTagResponse:
        app_id = checks.app_id(request.app_id)
        name, description = wire.parse_new_tag(request)
        if name == PUSH_ALL:
            raise TagExists(name)
        async with self._db.begin() as tx:
            tag = await tags.create(tx, app_id, name, description, self._clock())
        if tag is None:
            raise TagExists(name)
        return pb.CreateTagResponse(tag=wire.render_tag(tag))

    async def GetTag(self, request: pb.GetTagRequest, _context: Context) -> pb.GetTagResponse:
        app_id = checks.app_id(request.app_id)
        name = checks.text("name", request.name)
        async with self._db.connect() as connection:
            tag = await tags.find(connection, app_id, name)
        if tag is None:
            raise TagNotFound(name)
        return pb.GetTagResponse(tag=wire.render_tag(tag))

    async def ListTags(self, request: pb.ListTagsRequest, _context: Context) -> pb.ListTagsResponse:
        app_id = checks.app_id(request.app_id)
        matchers = wire.parse_matchers(request)
        query = (app_id, matchers)
        window = paging.read_window(request, query, tuple[paging.Text])
        async with self._db.connect() as connection:
            found = await tags.page(
                connection, app_id, matchers, window, counted=request.count_subscriptions
            )
            total = None if matchers else await counts.tags_of(connection, app_id)
        page = paging.turn(window, query, found, lambda tag: [tag.name])
        return pb.ListTagsResponse(
            tags=[wire.render_tag(tag) for tag in page.items],
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def UpdateTag(
        self, request: pb.UpdateTagRequest, _context: Context
    ) -> pb.UpdateTagResponse:
        app_id = checks.app_id(request.app_id)
        name, description = wire.parse_tag_update(request)
        async with self._db.begin() as tx:
            tag = await tags.describe(tx, app_id, name, description, self._clock())
        if tag is None:
            raise TagNotFound(name)
        return pb.UpdateTagResponse(tag=wire.render_tag(tag))

    async def DeleteTag(
        self, request: pb.DeleteTagRequest, _context: Context
    ) -> pb.DeleteTagResponse:
        app_id = checks.app_id(request.app_id)
        name = checks.text("name", request.name)
        async with self._db.begin() as tx:
            deleted = await tags.delete(tx, app_id, name, self._clock())
        if not deleted:
            raise TagNotFound(name)
        return pb.DeleteTagResponse()

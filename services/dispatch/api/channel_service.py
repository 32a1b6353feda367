"""ChannelService: the Android channels of applications, and their groups."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.dispatch.v1 import channel_pb2, channel_service_pb2_grpc
from carillon.dispatch.v1 import channel_service_pb2 as pb
from services.dispatch.api import channel_wire, wire
from services.dispatch.domain.faults import (
    ChannelExists,
    ChannelGroupExists,
    ChannelGroupNotFound,
    ChannelNotFound,
)
from services.dispatch.store import channels
from services.dispatch.store.tables import channel_groups
from services.dispatch.store.tables import channels as channel_table
from services.kit import paging
from services.kit.faults import FieldInvalid

Context = grpc.aio.ServicerContext[Any, Any]


class ChannelServicer(channel_service_pb2_grpc.ChannelServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def CreateChannel(
        self, request: pb.CreateChannelRequest, _context: Context
    ) -> pb.CreateChannelResponse:
        app_id = wire.parse_app_id(request.app_id)
        channel = channel_wire.parse_channel(request.channel)
        try:
            async with self._db.begin() as tx:
                if not await channels.create(tx, app_id, channel, self._clock()):
                    raise ChannelExists(channel.channel_id)
                written = await _read(tx, app_id, channel.channel_id)
        except channels.GroupMissing:
            raise _group_unknown() from None
        return pb.CreateChannelResponse(channel=written)

    async def GetChannel(
        self, request: pb.GetChannelRequest, _context: Context
    ) -> pb.GetChannelResponse:
        app_id = wire.parse_app_id(request.app_id)
        channel_id = wire.parse_name("channel_id", request.channel_id)
        async with self._db.connect() as connection:
            return pb.GetChannelResponse(channel=await _read(connection, app_id, channel_id))

    async def ListChannels(
        self, request: pb.ListChannelsRequest, _context: Context
    ) -> pb.ListChannelsResponse:
        app_id = wire.parse_app_id(request.app_id)
        query = ("channels", app_id)
        window = paging.read_window(request, query, tuple[paging.Text])
        async with self._db.connect() as connection:
            found = await channels.page(connection, app_id, window)
            total = await channels.count(connection, app_id, channel_table)
        page = paging.turn(window, query, found, lambda kept: [kept.value.channel_id])
        return pb.ListChannelsResponse(
            channels=map(channel_wire.write_channel, page.items),
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def UpdateChannel(
        self, request: pb.UpdateChannelRequest, _context: Context
    ) -> pb.UpdateChannelResponse:
        app_id = wire.parse_app_id(request.app_id)
        channel = channel_wire.parse_channel(request.channel)
        try:
            async with self._db.begin() as tx:
                if not await channels.update(tx, app_id, channel, self._clock()):
                    raise ChannelNotFound(channel.channel_id)
                written = await _read(tx, app_id, channel.channel_id)
        except channels.GroupMissing:
            raise _group_unknown() from None
        return pb.UpdateChannelResponse(channel=written)

    async def DeleteChannel(
        self, request: pb.DeleteChannelRequest, _context: Context
    ) -> pb.DeleteChannelResponse:
        app_id = wire.parse_app_id(request.app_id)
        channel_id = wire.parse_name("channel_id", request.channel_id)
        async with self._db.begin() as tx:
            if not await channels.delete(tx, app_id, channel_id):
                raise ChannelNotFound(channel_id)
        return pb.DeleteChannelResponse()

    async def CreateChannelGroup(
        self, request: pb.CreateChannelGroupRequest, _context: Context
    ) -> pb.CreateChannelGroupResponse:
        app_id = wire.parse_app_id(request.app_id)
        group = channel_wire.parse_group(request.channel_group)
        async with self._db.begin() as tx:
            if not await channels.create_group(tx, app_id, group, self._clock()):
                raise ChannelGroupExists(group.group_id)
            written = await _read_group(tx, app_id, group.group_id)
        return pb.CreateChannelGroupResponse(channel_group=written)

    async def GetChannelGroup(
        self, request: pb.GetChannelGroupRequest, _context: Context
    ) -> pb.GetChannelGroupResponse:
        app_id = wire.parse_app_id(request.app_id)
        group_id = wire.parse_name("group_id", request.group_id)
        async with self._db.connect() as connection:
            read = await _read_group(connection, app_id, group_id)
        return pb.GetChannelGroupResponse(channel_group=read)

    async def ListChannelGroups(
        self, request: pb.ListChannelGroupsRequest, _context: Context
    ) -> pb.ListChannelGroupsResponse:
        app_id = wire.parse_app_id(request.app_id)
        query = ("channel_groups", app_id)
        window = paging.read_window(request, query, tuple[paging.Text])
        async with self._db.connect() as connection:
            found = await channels.page_groups(connection, app_id, window)
            total = await channels.count(connection, app_id, channel_groups)
        page = paging.turn(window, query, found, lambda kept: [kept.value.group_id])
        return pb.ListChannelGroupsResponse(
            channel_groups=map(channel_wire.write_group, page.items),
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def UpdateChannelGroup(
        self, request: pb.UpdateChannelGroupRequest, _context: Context
    ) -> pb.UpdateChannelGroupResponse:
        app_id = wire.parse_app_id(request.app_id)
        group = channel_wire.parse_group(request.channel_group)
        async with self._db.begin() as tx:
            if not await channels.update_group(tx, app_id, group, self._clock()):
                raise ChannelGroupNotFound(group.group_id)
            written = await _read_group(tx, app_id, group.group_id)
        return pb.UpdateChannelGroupResponse(channel_group=written)

    async def DeleteChannelGroup(
        self, request: pb.DeleteChannelGroupRequest, _context: Context
    ) -> pb.DeleteChannelGroupResponse:
        app_id = wire.parse_app_id(request.app_id)
        group_id = wire.parse_name("group_id", request.group_id)
        async with self._db.begin() as tx:
            if not await channels.delete_group(tx, app_id, group_id):
                raise ChannelGroupNotFound(group_id)
        return pb.DeleteChannelGroupResponse()


async def _read(tx: AsyncConnection, app_id: UUID, channel_id: str) -> channel_pb2.Channel:
    found = await channels.find(tx, app_id, [channel_id])
    if channel_id not in found:
        raise ChannelNotFound(channel_id)
    return channel_wire.write_channel(found[channel_id])


async def _read_group(tx: AsyncConnection, app_id: UUID, group_id: str) -> channel_pb2.ChannelGroup:
    found = await channels.find_group(tx, app_id, group_id)
    if found is None:
        raise ChannelGroupNotFound(group_id)
    return channel_wire.write_group(found)


def _group_unknown() -> FieldInvalid:
    return FieldInvalid("channel.group_id", "names no channel group of this application")

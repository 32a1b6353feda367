"""Dispatch's channels and their groups, in memory."""

from typing import Any

from carillon.dispatch.v1 import channel_service_pb2 as pb
from carillon.dispatch.v1 import channel_service_pb2_grpc as rpc
from carillon.dispatch.v1.channel_pb2 import Channel, ChannelGroup
from services.kit.faults import Code, FieldInvalid
from tests.edge.rooms.rules import Mood, check_text, fault, noon, turn_page

channel_not_found = fault(Code.NOT_FOUND, "CHANNEL_NOT_FOUND")
channel_exists = fault(Code.ALREADY_EXISTS, "CHANNEL_EXISTS")
group_not_found = fault(Code.NOT_FOUND, "CHANNEL_GROUP_NOT_FOUND")
group_exists = fault(Code.ALREADY_EXISTS, "CHANNEL_GROUP_EXISTS")


class Channels(Mood, rpc.ChannelServiceServicer):
    def __init__(self) -> None:
        super().__init__()
        self.channels: dict[tuple[str, str], Channel] = {}
        self.groups: dict[tuple[str, str], ChannelGroup] = {}

    def add_to(self, server: Any) -> None:
        rpc.add_ChannelServiceServicer_to_server(self, server)

    def _keep(self, app_id: str, asked: Channel) -> Channel:
        check_text("channel.name", asked.name, 254)
        check_text("channel.description", asked.description, 1024, least=0)
        if asked.light_color.upper() not in {"", "BLACK", "RED"}:
            raise FieldInvalid("channel.light_color", "must be one of BLACK, RED")
        if asked.group_id and (app_id, asked.group_id) not in self.groups:
            raise FieldInvalid("channel.group_id", "names no channel group of this application")
        kept = Channel()
        kept.CopyFrom(asked)
        kept.importance = asked.importance if asked.HasField("importance") else 3
        kept.light_color = asked.light_color.upper() or "BLACK"
        kept.show_badge = asked.show_badge if asked.HasField("show_badge") else True
        kept.lock_screen_visibility = asked.lock_screen_visibility or 1  # type: ignore[assignment]  # public
        kept.create_time.CopyFrom(noon())
        kept.update_time.CopyFrom(noon())
        self.channels[app_id, kept.channel_id] = kept
        return kept

    def _know(self, app_id: str, channel_id: str) -> Channel:
        if (app_id, channel_id) not in self.channels:
            raise channel_not_found(channel_id=channel_id)
        return self.channels[app_id, channel_id]

    def _know_group(self, app_id: str, group_id: str) -> ChannelGroup:
        if (app_id, group_id) not in self.groups:
            raise group_not_found(group_id=group_id)
        return self.groups[app_id, group_id]

    async def CreateChannel(self, request: Any, _context: Any) -> Any:
        await self.meet("CreateChannel")
        if (request.app_id, request.channel.channel_id) in self.channels:
            raise channel_exists(channel_id=request.channel.channel_id)
        return pb.CreateChannelResponse(channel=self._keep(request.app_id, request.channel))

    async def GetChannel(self, request: Any, _context: Any) -> Any:
        await self.meet("GetChannel")
        return pb.GetChannelResponse(channel=self._know(request.app_id, request.channel_id))

    async def ListChannels(self, request: Any, _context: Any) -> Any:
        await self.meet("ListChannels")
        found = [one for (app_id, _), one in sorted(self.channels.items(), key=lambda i: i[0])]
        page = turn_page(request, found, [request.app_id])
        return pb.ListChannelsResponse(
            channels=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=len(found),
        )

    async def UpdateChannel(self, request: Any, _context: Any) -> Any:
        await self.meet("UpdateChannel")
        self._know(request.app_id, request.channel.channel_id)
        return pb.UpdateChannelResponse(channel=self._keep(request.app_id, request.channel))

    async def DeleteChannel(self, request: Any, _context: Any) -> Any:
        await self.meet("DeleteChannel")
        self._know(request.app_id, request.channel_id)
        del self.channels[request.app_id, request.channel_id]
        return pb.DeleteChannelResponse()

    async def CreateChannelGroup(self, request: Any, _context: Any) -> Any:
        await self.meet("CreateChannelGroup")
        group = request.channel_group
        if (request.app_id, group.group_id) in self.groups:
            raise group_exists(group_id=group.group_id)
        return pb.CreateChannelGroupResponse(channel_group=self._keep_group(request.app_id, group))

    def _keep_group(self, app_id: str, asked: ChannelGroup) -> ChannelGroup:
        check_text("channel_group.name", asked.name, 254)
        kept = ChannelGroup(group_id=asked.group_id, name=asked.name)
        kept.create_time.CopyFrom(noon())
        kept.update_time.CopyFrom(noon())
        self.groups[app_id, kept.group_id] = kept
        return kept

    async def GetChannelGroup(self, request: Any, _context: Any) -> Any:
        await self.meet("GetChannelGroup")
        group = self._know_group(request.app_id, request.group_id)
        return pb.GetChannelGroupResponse(channel_group=group)

    async def ListChannelGroups(self, request: Any, _context: Any) -> Any:
        await self.meet("ListChannelGroups")
        found = [one for (app_id, _), one in sorted(self.groups.items(), key=lambda i: i[0])]
        page = turn_page(request, found, [request.app_id])
        return pb.ListChannelGroupsResponse(
            channel_groups=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=len(found),
        )

    async def UpdateChannelGroup(self, request: Any, _context: Any) -> Any:
        await self.meet("UpdateChannelGroup")
        self._know_group(request.app_id, request.channel_group.group_id)
        kept = self._keep_group(request.app_id, request.channel_group)
        return pb.UpdateChannelGroupResponse(channel_group=kept)

    async def DeleteChannelGroup(self, request: Any, _context: Any) -> Any:
        await self.meet("DeleteChannelGroup")
        self._know_group(request.app_id, request.group_id)
        del self.groups[request.app_id, request.group_id]
        return pb.DeleteChannelGroupResponse()

"""Android's channels and their groups, under the names that the Android SDK parses."""

from typing import Any

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import channel_service_pb2 as pb
from carillon.dispatch.v1.channel_pb2 import Channel, ChannelGroup, LockScreenVisibility
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.pages import Pager, read_page
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

MAX_IMPORTANCE = 5
MAX_VIBRATION_MS = 10_000
VISIBILITIES = {
    1: LockScreenVisibility.LOCK_SCREEN_VISIBILITY_PUBLIC,
    0: LockScreenVisibility.LOCK_SCREEN_VISIBILITY_PRIVATE,
    -1: LockScreenVisibility.LOCK_SCREEN_VISIBILITY_SECRET,
}
VISIBILITY_NUMBERS = {visibility: number for number, visibility in VISIBILITIES.items()}


class ChannelBody(msgspec.Struct, rename="camel"):
    channel_id: str | None = None
    channel_name: str | None = None
    importance: int | None = None
    enable_lights: bool | None = None
    light_color: str | None = None
    enable_vibration: bool | None = None
    vibration_pattern: list[int] | None = None
    sound: str | None = None
    lock_screen_visibility: int | None = None
    bypass_dnd: bool | None = msgspec.field(default=None, name="bypassDND")
    show_badge: bool | None = None
    description: str | None = None
    group_id: str | None = None


class GroupBody(msgspec.Struct, rename="camel"):
    group_id: str | None = None
    group_name: str | None = None


class Channels:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/channels",
                GET=(Access.READ, self._list),
                POST=(Access.WRITE, self._create),
            ),
            door.route(
                APP + "/channels/{channel_id:path}",
                GET=(Access.READ, self._read),
                PUT=(Access.WRITE, self._update),
                DELETE=(Access.MANAGE, self._delete),
            ),
        ]

    async def _create(self, call: Call) -> Response:
        body = await call.read(ChannelBody)
        if not body.channel_id:
            raise problems.required("channelId")
        request = pb.CreateChannelRequest(
            app_id=call.app_id, channel=_read_channel(body, body.channel_id)
        )
        created = await self._rooms.channels.CreateChannel(request, timeout=self._rooms.timeout)
        return answer(self._render(created.channel, call.app_id), status=201)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListChannelsRequest(
            app_id=call.app_id, page_size=page.size, page_token=page.cursor, skip=page.offset
        )
        listed = await self._rooms.channels.ListChannels(request, timeout=self._rooms.timeout)
        found = [self._render(channel, call.app_id) for channel in listed.channels]
        described = self._pager.tell(call.request, listed, len(found))
        return answer({"channels": found, "pageInfo": described})

    async def _read(self, call: Call) -> Response:
        request = pb.GetChannelRequest(app_id=call.app_id, channel_id=call.name("channel_id"))
        read = await self._rooms.channels.GetChannel(request, timeout=self._rooms.timeout)
        return answer(self._render(read.channel, call.app_id))

    async def _update(self, call: Call) -> Response:
        channel_id = call.name("channel_id")
        body = await call.read(ChannelBody)
        if body.channel_id not in {None, channel_id}:
            raise problems.invalid("channelId", "cannot be changed")
        request = pb.UpdateChannelRequest(
            app_id=call.app_id, channel=_read_channel(body, channel_id)
        )
        updated = await self._rooms.channels.UpdateChannel(request, timeout=self._rooms.timeout)
        return answer(self._render(updated.channel, call.app_id))

    async def _delete(self, call: Call) -> Response:
        request = pb.DeleteChannelRequest(app_id=call.app_id, channel_id=call.name("channel_id"))
        await self._rooms.channels.DeleteChannel(request, timeout=self._rooms.timeout)
        return no_content()

    def _render(self, channel: Channel, app_id: str) -> dict[str, Any]:
        rendered = {
            "channelId": channel.channel_id,
            "channelName": channel.name,
            "importance": channel.importance,
            "enableLights": channel.enable_lights,
            "lightColor": channel.light_color,
            "enableVibration": channel.enable_vibration,
            "vibrationPattern": list(channel.vibration_pattern),
            "lockScreenVisibility": VISIBILITY_NUMBERS.get(channel.lock_screen_visibility, 1),
            "bypassDND": channel.bypass_dnd,
            "showBadge": channel.show_badge,
            "createdTime": write_time(channel.create_time),
            "lastUpdatedTime": write_time(channel.update_time),
            "href": self._links.app(app_id, "channels", channel.channel_id),
        }
        texts = {
            "sound": channel.sound,
            "description": channel.description,
            "groupId": channel.group_id,
        }
        return rendered | {name: text for name, text in texts.items() if text}


class ChannelGroups:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/channelGroups",
                GET=(Access.READ, self._list),
                POST=(Access.WRITE, self._create),
            ),
            door.route(
                APP + "/channelGroups/{group_id:path}",
                GET=(Access.READ, self._read),
                PUT=(Access.WRITE, self._update),
                DELETE=(Access.MANAGE, self._delete),
            ),
        ]

    async def _create(self, call: Call) -> Response:
        body = await call.read(GroupBody)
        if not body.group_id:
            raise problems.required("groupId")
        request = pb.CreateChannelGroupRequest(
            app_id=call.app_id, channel_group=_read_group(body, body.group_id)
        )
        created = await self._rooms.channels.CreateChannelGroup(
            request, timeout=self._rooms.timeout
        )
        return answer(self._render(created.channel_group, call.app_id), status=201)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListChannelGroupsRequest(
            app_id=call.app_id, page_size=page.size, page_token=page.cursor, skip=page.offset
        )
        listed = await self._rooms.channels.ListChannelGroups(request, timeout=self._rooms.timeout)
        found = [self._render(group, call.app_id) for group in listed.channel_groups]
        described = self._pager.tell(call.request, listed, len(found))
        return answer({"channelGroups": found, "pageInfo": described})

    async def _read(self, call: Call) -> Response:
        request = pb.GetChannelGroupRequest(app_id=call.app_id, group_id=call.name("group_id"))
        read = await self._rooms.channels.GetChannelGroup(request, timeout=self._rooms.timeout)
        return answer(self._render(read.channel_group, call.app_id))

    async def _update(self, call: Call) -> Response:
        group_id = call.name("group_id")
        body = await call.read(GroupBody)
        if body.group_id not in {None, group_id}:
            raise problems.invalid("groupId", "cannot be changed")
        request = pb.UpdateChannelGroupRequest(
            app_id=call.app_id, channel_group=_read_group(body, group_id)
        )
        updated = await self._rooms.channels.UpdateChannelGroup(
            request, timeout=self._rooms.timeout
        )
        return answer(self._render(updated.channel_group, call.app_id))

    async def _delete(self, call: Call) -> Response:
        request = pb.DeleteChannelGroupRequest(app_id=call.app_id, group_id=call.name("group_id"))
        await self._rooms.channels.DeleteChannelGroup(request, timeout=self._rooms.timeout)
        return no_content()

    def _render(self, group: ChannelGroup, app_id: str) -> dict[str, str]:
        return {
            "groupId": group.group_id,
            "groupName": group.name,
            "createdTime": write_time(group.create_time),
            "lastUpdatedTime": write_time(group.update_time),
            "href": self._links.app(app_id, "channelGroups", group.group_id),
        }


def _read_channel(body: ChannelBody, channel_id: str) -> Channel:
    """The channel asked for. Numbers are bounded here: larger ones do not fit into a call."""
    if not body.channel_name:
        raise problems.required("channelName")
    pattern = body.vibration_pattern or []
    _check_number("importance", body.importance or 0, MAX_IMPORTANCE)
    for i, milliseconds in enumerate(pattern):
        _check_number(f"vibrationPattern[{i}]", milliseconds, MAX_VIBRATION_MS)
    return Channel(
        channel_id=channel_id,
        name=body.channel_name,
        importance=body.importance,
        enable_lights=bool(body.enable_lights),
        light_color=body.light_color or "",
        enable_vibration=bool(body.enable_vibration),
        vibration_pattern=pattern,
        sound=body.sound or "",
        lock_screen_visibility=_read_visibility(body.lock_screen_visibility),
        bypass_dnd=bool(body.bypass_dnd),
        show_badge=body.show_badge,
        description=body.description or "",
        group_id=body.group_id or "",
    )


def _check_number(field: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise problems.invalid(field, f"must be 0 to {most}, not {number}")


def _read_visibility(number: int | None) -> "LockScreenVisibility.ValueType":
    if number is None:
        return LockScreenVisibility.LOCK_SCREEN_VISIBILITY_UNSPECIFIED
    if number not in VISIBILITIES:
        raise problems.invalid(
            "lockScreenVisibility", f"must be 1 (public), 0 (private) or -1 (secret), not {number}"
        )
    return VISIBILITIES[number]


def _read_group(body: GroupBody, group_id: str) -> ChannelGroup:
    if not body.group_name:
        raise problems.required("groupName")
    return ChannelGroup(group_id=group_id, name=body.group_name)

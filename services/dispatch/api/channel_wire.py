"""Channels and groups between protobuf and the domain, checked field by field."""

from carillon.dispatch.v1 import channel_pb2
from services.dispatch.api.wire import parse_name, parse_text, write_time
from services.dispatch.domain.channels import (
    COLOURS,
    DEFAULT_COLOUR,
    DEFAULT_IMPORTANCE,
    MAX_IMPORTANCE,
    MAX_VIBRATION_MS,
    MAX_VIBRATIONS,
    Channel,
    ChannelGroup,
    Kept,
    Visibility,
)
from services.kit.faults import FieldInvalid

MAX_SOUND = 254
MAX_DESCRIPTION = 1024

VISIBILITY_FROM_WIRE: dict[int, Visibility] = {
    channel_pb2.LOCK_SCREEN_VISIBILITY_UNSPECIFIED: Visibility.PUBLIC,
    channel_pb2.LOCK_SCREEN_VISIBILITY_PUBLIC: Visibility.PUBLIC,
    channel_pb2.LOCK_SCREEN_VISIBILITY_PRIVATE: Visibility.PRIVATE,
    channel_pb2.LOCK_SCREEN_VISIBILITY_SECRET: Visibility.SECRET,
}
VISIBILITY_TO_WIRE = {
    Visibility.PUBLIC: channel_pb2.LOCK_SCREEN_VISIBILITY_PUBLIC,
    Visibility.PRIVATE: channel_pb2.LOCK_SCREEN_VISIBILITY_PRIVATE,
    Visibility.SECRET: channel_pb2.LOCK_SCREEN_VISIBILITY_SECRET,
}


def parse_channel(channel: channel_pb2.Channel) -> Channel:
    """The channel, its group named by its id alone."""
    return Channel(
        channel_id=parse_name("channel.channel_id", channel.channel_id),
        name=parse_name("channel.name", channel.name),
        importance=_parse_importance(channel),
        enable_lights=channel.enable_lights,
        light_color=_parse_colour(channel.light_color),
        enable_vibration=channel.enable_vibration,
        vibration_pattern=_parse_pattern(channel),
        sound=parse_text("channel.sound", channel.sound, MAX_SOUND),
        lock_screen_visibility=_parse_visibility(channel),
        bypass_dnd=channel.bypass_dnd,
        show_badge=channel.show_badge if channel.HasField("show_badge") else True,
        description=parse_text("channel.description", channel.description, MAX_DESCRIPTION),
        group=_parse_group_id(channel.group_id),
    )


def _parse_importance(channel: channel_pb2.Channel) -> int:
    if not channel.HasField("importance"):
        return DEFAULT_IMPORTANCE
    if not 0 <= channel.importance <= MAX_IMPORTANCE:
        raise FieldInvalid(
            "channel.importance", f"must be 0 to {MAX_IMPORTANCE}, not {channel.importance}"
        )
    return channel.importance


def _parse_colour(text: str) -> str:
    colour = text.upper() or DEFAULT_COLOUR
    if colour not in COLOURS:
        raise FieldInvalid("channel.light_color", f"must be one of {', '.join(COLOURS)}")
    return colour


def _parse_pattern(channel: channel_pb2.Channel) -> tuple[int, ...]:
    pattern = tuple(channel.vibration_pattern)
    if len(pattern) > MAX_VIBRATIONS:
        raise FieldInvalid(
            "channel.vibration_pattern",
            f"must hold at most {MAX_VIBRATIONS} numbers, not {len(pattern)}",
        )
    for i, milliseconds in enumerate(pattern):
        if not 0 <= milliseconds <= MAX_VIBRATION_MS:
            raise FieldInvalid(
                f"channel.vibration_pattern[{i}]",
                f"must be 0 to {MAX_VIBRATION_MS} milliseconds, not {milliseconds}",
            )
    return pattern


def _parse_visibility(channel: channel_pb2.Channel) -> Visibility:
    visibility = VISIBILITY_FROM_WIRE.get(channel.lock_screen_visibility)
    if visibility is None:
        raise FieldInvalid("channel.lock_screen_visibility", "must be a known visibility")
    return visibility


def _parse_group_id(group_id: str) -> ChannelGroup | None:
    if not group_id:
        return None
    return ChannelGroup(parse_name("channel.group_id", group_id), "")


def parse_group(group: channel_pb2.ChannelGroup) -> ChannelGroup:
    return ChannelGroup(
        parse_name("channel_group.group_id", group.group_id),
        parse_name("channel_group.name", group.name),
    )


def write_channel(kept: Kept[Channel]) -> channel_pb2.Channel:
    channel = kept.value
    return channel_pb2.Channel(
        channel_id=channel.channel_id,
        name=channel.name,
        importance=channel.importance,
        enable_lights=channel.enable_lights,
        light_color=channel.light_color,
        enable_vibration=channel.enable_vibration,
        vibration_pattern=channel.vibration_pattern,
        sound=channel.sound,
        lock_screen_visibility=VISIBILITY_TO_WIRE[channel.lock_screen_visibility],
        bypass_dnd=channel.bypass_dnd,
        show_badge=channel.show_badge,
        description=channel.description,
        group_id=channel.group.group_id if channel.group else "",
        create_time=write_time(kept.create_time),
        update_time=write_time(kept.update_time),
    )


def write_group(kept: Kept[ChannelGroup]) -> channel_pb2.ChannelGroup:
    return channel_pb2.ChannelGroup(
        group_id=kept.value.group_id,
        name=kept.value.name,
        create_time=write_time(kept.create_time),
        update_time=write_time(kept.update_time),
    )

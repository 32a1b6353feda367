"""Between targeting's messages and the domain: the one place that knows both."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from carillon.targeting.v1 import (
    subscription_pb2,
    subscription_service_pb2,
    tag_pb2,
    text_matcher_pb2,
)
from carillon.targeting.v1 import tag_service_pb2 as tag_service
from carillon.targeting.v1 import targeting_service_pb2 as targeting_service
from carillon.type.v1 import platform_pb2, recipient_pb2, target_pb2
from services.kit.faults import FieldInvalid
from services.targeting.api import checks, expression_wire, platform_wire
from services.targeting.browsing import Question
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.slices import MAX_UID, Slice
from services.targeting.domain.subscriptions import Subscription, TagFilter, TextFilter
from services.targeting.domain.tags import Tag, TextField, TextMatcher
from services.targeting.domain.targets import (
    Everyone,
    OfDevices,
    OfExpression,
    OfPlatforms,
    OfTags,
    OfUsers,
    Target,
)

MAX_DESCRIPTION = 1024
MAX_MATCHERS = 100
MAX_VALUES = 100
MAX_UIDS = 2000
MAX_SLICES = 32

ANY_PLATFORM = platform_pb2.PLATFORM_UNSPECIFIED
FROM_PLATFORM, TO_PLATFORM = platform_wire.FROM_PLATFORM, platform_wire.TO_PLATFORM
NAME_KINDS: dict[str, type[OfTags] | type[OfUsers] | type[OfDevices]] = {
    "tag_names": OfTags,
    "user_ids": OfUsers,
    "device_ids": OfDevices,
}
TEXT_FIELDS = {"name": TextField.NAME, "description": TextField.DESCRIPTION}


def parse_target(target: target_pb2.Target) -> Target:
    kind = target.WhichOneof("kind")
    if kind is None:
        raise FieldInvalid("target", "must be of one kind")
    if kind == "everyone":
        return Everyone()
    field = f"target.{kind}"
    if kind == "platforms":
        return OfPlatforms(_parse_platforms(field, target.platforms.platforms))
    if kind == "expression":
        return OfExpression(expression_wire.parse_expression(field, target.expression))
    names: target_pb2.NameList = getattr(target, kind)
    return NAME_KINDS[kind](checks.names(field, names.names))


def _parse_platforms(field: str, values: Sequence[Any]) -> tuple[Platform, ...]:
    checks.size(field, values, len(Platform))
    for value in values:
        if value not in TO_PLATFORM:
            raise FieldInvalid(field, f"must hold known platforms, not {value}")
    if len(set(values)) < len(values):
        raise FieldInvalid(field, "must hold each platform at most once")
    return tuple(TO_PLATFORM[value] for value in values)


def parse_slices(pieces: Sequence[recipient_pb2.Slice]) -> list[Slice]:
    checks.size("slices", pieces, MAX_SLICES)
    return [parse_slice(f"slices[{place}]", piece) for place, piece in enumerate(pieces)]


def parse_slice(field: str, piece: recipient_pb2.Slice) -> Slice:
    if piece.platform != ANY_PLATFORM and piece.platform not in TO_PLATFORM:
        raise FieldInvalid(f"{field}.platform", f"must be a known platform, not {piece.platform}")
    if piece.after_uid < 0:
        raise FieldInvalid(f"{field}.after_uid", f"must be 0 to {MAX_UID}, not {piece.after_uid}")
    if piece.through_uid <= piece.after_uid:
        raise FieldInvalid(f"{field}.through_uid", "must be above after_uid")
    return read_slice(piece)


def read_slice(piece: recipient_pb2.Slice) -> Slice:
    return Slice(
        TO_PLATFORM.get(piece.platform), piece.after_uid, piece.through_uid, piece.expected_count
    )


def render_slice(piece: Slice) -> recipient_pb2.Slice:
    return recipient_pb2.Slice(
        platform=FROM_PLATFORM[piece.platform] if piece.platform else ANY_PLATFORM,
        after_uid=piece.after_uid,
        through_uid=piece.through_uid,
        expected_count=piece.expected_count,
    )


def parse_uids(request: targeting_service.ResolveUidsRequest) -> list[int]:
    uids = list(request.uids)
    checks.size("uids", uids, MAX_UIDS)
    if uids[0] < 1:
        raise FieldInvalid("uids", f"must be 1 to {MAX_UID}, not {uids[0]}")
    if any(uid >= following for uid, following in pairwise(uids)):
        raise FieldInvalid("uids", "must ascend, each once")
    return uids


def parse_new_tag(request: tag_service.CreateTagRequest) -> tuple[str, str]:
    """The name and the description of a tag to be created."""
    return checks.text("tag.name", request.tag.name), parse_description(request.tag)


def parse_description(tag: tag_pb2.Tag) -> str:
    return checks.text("tag.description", tag.description, low=0, high=MAX_DESCRIPTION)


def parse_tag_update(request: tag_service.UpdateTagRequest) -> tuple[str, str]:
    """The name of the tag and its new description."""
    name = checks.text("tag.name", request.tag.name)
    if set(request.update_mask.paths) != {"description"}:
        raise FieldInvalid("update_mask", "must name description, and nothing else")
    return name, parse_description(request.tag)


def parse_matchers(request: tag_service.ListTagsRequest) -> tuple[TextMatcher, ...]:
    return tuple(
        TextMatcher(TEXT_FIELDS[matcher.field], tuple(matcher.values), matcher.contains)
        for matcher in _check_matchers(request.matchers, tuple(TEXT_FIELDS))
    )


def _check_matchers(
    matchers: Sequence[text_matcher_pb2.TextMatcher], known: Sequence[str]
) -> Sequence[text_matcher_pb2.TextMatcher]:
    if len(matchers) > MAX_MATCHERS:
        raise FieldInvalid(
            "matchers", f"must hold 0 to {MAX_MATCHERS} entries, not {len(matchers)}"
        )
    for place, matcher in enumerate(matchers):
        field = f"matchers[{place}]"
        if matcher.field not in known:
            raise FieldInvalid(f"{field}.field", f"must be {' or '.join(known)}")
        checks.size(f"{field}.values", matcher.values, MAX_VALUES)
        for number, value in enumerate(matcher.values):
            checks.text(f"{field}.values[{number}]", value, high=MAX_DESCRIPTION)
    return matchers


def parse_question(request: subscription_service_pb2.ListSubscriptionsRequest) -> Question:
    def optional(field: str) -> str | None:
        if not request.HasField(field):  # type: ignore[arg-type]  # called with its fields only
            return None
        return checks.text(field, getattr(request, field))

    matchers = _check_matchers(request.matchers, ("tag_name", "device_id"))
    names, parts = _merge(matchers, "tag_name", optional("tag_name"))
    device_names, device_parts = _merge(matchers, "device_id", None)
    platforms = PLATFORMS
    if request.platforms:
        platforms = _parse_platforms("platforms", request.platforms)
    return Question(
        checks.app_id(request.app_id),
        device_id=optional("device_id"),
        user_id=optional("user_id"),
        tags=TagFilter(names, parts),
        devices=TextFilter(device_names, device_parts),
        platforms=platforms,
    )


def _merge(
    matchers: Sequence[text_matcher_pb2.TextMatcher], field: str, name: str | None
) -> tuple[frozenset[str] | None, tuple[tuple[str, ...], ...]]:
    """The names that every exact matcher of a field admits, and what the others look for."""
    ours = [matcher for matcher in matchers if matcher.field == field]
    exact = [frozenset(matcher.values) for matcher in ours if not matcher.contains]
    if name is not None:
        exact.append(frozenset({name}))
    names = frozenset.intersection(*exact) if exact else None
    return names, tuple(tuple(matcher.values) for matcher in ours if matcher.contains)


def render_tag(tag: Tag) -> tag_pb2.Tag:
    created, updated = Timestamp(), Timestamp()
    created.FromDatetime(tag.create_time)
    updated.FromDatetime(tag.update_time)
    return tag_pb2.Tag(
        name=tag.name,
        description=tag.description,
        create_time=created,
        update_time=updated,
        subscription_count=tag.subscription_count,
    )


def render_subscription(subscription: Subscription) -> subscription_pb2.Subscription:
    return subscription_pb2.Subscription(
        subscription_id=subscription.subscription_id,
        device_id=subscription.device.device_id,
        uid=subscription.device.uid,
        tag_name=subscription.tag_name,
        user_id=subscription.device.user_id,
    )

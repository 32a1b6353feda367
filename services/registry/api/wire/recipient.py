"""Filters, slices and recipients."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from carillon.registry.v1 import recipient_service_pb2
from carillon.type.v1 import platform_pb2, recipient_pb2
from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid
from services.registry.api.wire import checks, platform
from services.registry.domain.device import Environment, Platform
from services.registry.domain.recipient import (
    Audience,
    DeviceIds,
    Everyone,
    Filter,
    Place,
    Recipients,
    Slice,
    Stretch,
    UserIds,
)

DEFAULT_SLICE = 500
MAX_SLICE = 2000
MAX_LIMIT = 2001
MAX_IN_MESSAGE = 500
# Stretches or groups of uids in a call.
MAX_PLACES = 32
# gRPC refuses messages above 4 MiB: 500 of the longest addresses are 2 MB, and variables may not
# take more than this beside them.
MAX_VARIABLE_BYTES = 1_500_000
# What names a variable's parts and tells their lengths.
MAX_FRAME = 12

ENVIRONMENTS = {
    None: recipient_pb2.APNS_ENVIRONMENT_UNSPECIFIED,
    Environment.PRODUCTION: recipient_pb2.APNS_ENVIRONMENT_PRODUCTION,
    Environment.SANDBOX: recipient_pb2.APNS_ENVIRONMENT_SANDBOX,
}


def parse_audience(request: recipient_service_pb2.SliceRecipientsRequest) -> Audience:
    return Audience(
        app_id=checks.guid("app_id", request.app_id),
        filter=_parse_filter(request.filter),
        platforms=platform.parse_set("platforms", request.platforms) or tuple(Platform),
    )


def parse_slice_size(value: int) -> int:
    return checks.number("slice_size", value, 0, MAX_SLICE) or DEFAULT_SLICE


def parse_resume_token(token: str, audience: Audience) -> Place | None:
    try:
        place = paging.read_token(token, _fingerprint(audience), tuple[Platform, int])
    except PageTokenInvalid:
        raise FieldInvalid("resume_token", "is not one that this query gave out") from None
    return None if place is None else Place(*place)


def write_resume_token(place: Place, audience: Audience) -> str:
    return paging.write_token(_fingerprint(audience), (place.platform.value, place.uid))


def _fingerprint(audience: Audience) -> tuple[Any, ...]:
    return audience.app_id, audience.filter, audience.platforms


def _parse_filter(filter_: recipient_service_pb2.RecipientFilter) -> Filter:
    match filter_.WhichOneof("kind"):
        case "everyone" if filter_.everyone:
            return Everyone()
        case "device_ids":
            return DeviceIds(checks.names("filter.device_ids.names", filter_.device_ids.names))
        case "user_ids":
            return UserIds(checks.names("filter.user_ids.names", filter_.user_ids.names))
        case _:
            raise FieldInvalid("filter", "must be one of everyone, device_ids, user_ids")


def parse_stretches(
    request: recipient_service_pb2.ListRecipientsRequest,
) -> tuple[UUID, Filter, list[Stretch], int]:
    app_id = checks.guid("app_id", request.app_id)
    filter_ = _parse_filter(request.filter)
    checks.count("slices", len(request.slices), 1, MAX_PLACES)
    limit = checks.number("limit", request.limit, 1, MAX_LIMIT)
    stretches = [
        _parse_stretch(f"slices[{place}]", bounds, backward=request.backward)
        for place, bounds in enumerate(request.slices)
    ]
    if len({stretch.platform is None for stretch in stretches}) > 1:
        raise FieldInvalid("slices", "must all have a platform, or none of them")
    return app_id, filter_, stretches, limit


def _parse_stretch(field: str, bounds: recipient_pb2.Slice, *, backward: bool) -> Stretch:
    if bounds.after_uid < 0:
        raise FieldInvalid(f"{field}.after_uid", f"must be 0 or above, not {bounds.after_uid}")
    if bounds.through_uid < bounds.after_uid:
        raise FieldInvalid(f"{field}.through_uid", "must not be below after_uid")
    is_any = bounds.platform == platform_pb2.PLATFORM_UNSPECIFIED
    wanted = None if is_any else platform.parse(f"{field}.platform", bounds.platform)
    return Stretch(wanted, bounds.after_uid, bounds.through_uid, backward)


def parse_groups(groups: Sequence[recipient_service_pb2.UidGroup]) -> list[list[int]]:
    checks.count("groups", len(groups), 1, MAX_PLACES)
    return [_parse_uids(f"groups[{place}].uids", group) for place, group in enumerate(groups)]


def _parse_uids(field: str, group: recipient_service_pb2.UidGroup) -> list[int]:
    uids = list(group.uids)
    checks.count(field, len(uids), 1, MAX_LIMIT)
    checks.uid(field, uids[0])
    if any(before >= uid for before, uid in pairwise(uids)):
        raise FieldInvalid(field, "must be ascending, each once")
    return uids


def show_slices(slices: Iterable[Slice]) -> list[recipient_pb2.Slice]:
    return [
        recipient_pb2.Slice(
            platform=platform.TO_WIRE[s.platform],
            after_uid=s.after_uid,
            through_uid=s.through_uid,
            expected_count=s.count,
        )
        for s in slices
    ]


def show_recipients(found: Recipients) -> Iterator[recipient_pb2.Recipients]:
    """Recipients in portions that one message can carry."""
    start = 0
    while start < len(found):
        stop = _portion_end(found, start)
        yield _show_portion(found.part(start, stop))
        start = stop


def _portion_end(found: Recipients, start: int) -> int:
    stop = min(start + MAX_IN_MESSAGE, len(found))
    heavy = 0
    for row, variables in enumerate(found.variables[start:stop], start + 1):
        heavy += sum(len((name + text).encode()) + MAX_FRAME for name, text in variables.items())
        if heavy > MAX_VARIABLE_BYTES:
            return row
    return stop


def _show_portion(portion: Recipients) -> recipient_pb2.Recipients:
    return recipient_pb2.Recipients(
        uids=portion.uids,
        platforms=[platform.TO_WIRE[each] for each in portion.platforms],
        addresses=portion.addresses,
        variables=[recipient_pb2.Variables(values=each) for each in portion.variables],
        apns_environments=[ENVIRONMENTS[each] for each in portion.environments],
        newer_twin_uids=[each or 0 for each in portion.newer_twin_uids],
    )

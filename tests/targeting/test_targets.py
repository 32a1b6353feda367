"""Does TargetingService say over the wire whom a target means, whatever registry does?"""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from carillon.targeting.v1 import targeting_service_pb2 as pb
from carillon.type.v1 import platform_pb2, recipient_pb2, target_pb2
from services.targeting.domain.platforms import Platform
from services.targeting.domain.registry import ApplicationDeleted, DeviceDeleted
from tests.targeting.book import Entry
from tests.targeting.conftest import Room
from tests.targeting.refusals import gather, refused, said
from tests.targeting.registry_room import show
from tests.targeting.test_subscriptions import browse, pairs, subscribe, unsubscribe
from tests.targeting.test_tags import create

IOS, ANDROID = platform_pb2.PLATFORM_IOS, platform_pb2.PLATFORM_ANDROID
EVERYONE = target_pb2.Target(everyone=target_pb2.Everyone())
MAX_UID = 2**63 - 1


def names(kind: str, *values: str) -> target_pb2.Target:
    return target_pb2.Target(**{kind: target_pb2.NameList(names=values)})  # type: ignore[arg-type]  # one of three


def expression(tree: target_pb2.Expression) -> target_pb2.Target:
    return target_pb2.Target(expression=tree)


def tagged(name: str) -> target_pb2.Expression:
    return target_pb2.Expression(tag_name=name)


def on(platform: Any) -> target_pb2.Expression:
    return target_pb2.Expression(platform=platform)


def no(part: target_pb2.Expression) -> target_pb2.Expression:
    return target_pb2.Expression(denied=part)


def every(*parts: target_pb2.Expression) -> target_pb2.Expression:
    return target_pb2.Expression(all_of=target_pb2.ExpressionList(expressions=parts))


def either(*parts: target_pb2.Expression) -> target_pb2.Expression:
    return target_pb2.Expression(any_of=target_pb2.ExpressionList(expressions=parts))


def nested(times: int) -> target_pb2.Expression:
    tree = tagged("a")
    for _ in range(times):
        tree = no(tree)
    return tree


def platforms(*values: Any) -> target_pb2.Target:
    return target_pb2.Target(platforms=target_pb2.PlatformList(platforms=values))


def piece(after: int = 0, through: int = MAX_UID, platform: Any = 0) -> recipient_pb2.Slice:
    return recipient_pb2.Slice(platform=platform, after_uid=after, through_uid=through)


async def cut(
    room: Room, app_id: UUID, target: target_pb2.Target, token: str = ""
) -> list[pb.SliceTargetResponse]:
    request = pb.SliceTargetRequest(app_id=str(app_id), target=target, resume_token=token)
    return await gather(room.targets.SliceTarget(request))


async def resolve(
    room: Room, app_id: UUID, target: target_pb2.Target, *stretches: recipient_pb2.Slice
) -> list[pb.ResolveSlicesResponse]:
    request = pb.ResolveSlicesRequest(app_id=str(app_id), target=target, slices=stretches)
    return await gather(room.targets.ResolveSlices(request))


async def resolve_uids(
    room: Room, app_id: UUID, target: target_pb2.Target, uids: list[int]
) -> list[pb.ResolveUidsResponse]:
    request = pb.ResolveUidsRequest(app_id=str(app_id), target=target, uids=uids)
    return await gather(room.targets.ResolveUids(request))


async def check(room: Room, app_id: UUID, target: target_pb2.Target) -> list[str]:
    request = pb.CheckTargetRequest(app_id=str(app_id), target=target)
    return list((await room.targets.CheckTarget(request)).unknown_names)


def uids_in(answers: Any) -> list[int]:
    return [uid for answer in answers for uid in answer.recipients.uids]


@pytest.fixture
async def crowded(room: Room, app_id: UUID) -> Room:
    """1,200 devices, every second on iOS, of two users; uid 7 wants no broadcasts."""
    for uid in range(1, 1201):
        platform = Platform.ANDROID if uid % 2 else Platform.IOS
        user_id = "ada" if uid % 3 else "bob"
        room.book.write(app_id, Entry(uid, f"d{uid}", platform, user_id))
    await create(room, app_id, "news")
    await subscribe(room, app_id, "d3", "news")
    await subscribe(room, app_id, "d4", "news")
    await unsubscribe(room, app_id, "d7", "Push.ALL")
    return room


async def test_a_broadcast_is_cut_and_resolved(crowded: Room, app_id: UUID) -> None:
    answers = await cut(crowded, app_id, EVERYONE)
    slices = [found for answer in answers for found in answer.slices]
    uids: list[int] = []
    for found in slices:
        uids += uids_in(await resolve(crowded, app_id, EVERYONE, found))

    assert [found.platform for found in slices] == [IOS, IOS, ANDROID, ANDROID]
    assert sorted(uids) == [uid for uid in range(1, 1201) if uid != 7]


async def test_recipients_arrive_whole(crowded: Room, app_id: UUID) -> None:
    expected = show([Entry(8, "d8", Platform.IOS)])
    (passed,) = await resolve(crowded, app_id, EVERYONE, piece(7, 8))
    (filtered,) = await resolve(crowded, app_id, EVERYONE, piece(6, 8))
    (by_uid,) = await resolve_uids(crowded, app_id, EVERYONE, [7, 8])

    assert [answer.recipients for answer in (passed, filtered, by_uid)] == [expected] * 3


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (names("tag_names", "news", "none"), [3, 4]),
        (names("tag_names", "news", "Push.ALL"), [*range(1, 7), 8, 9, 10]),
        (names("user_ids", "bob"), [3, 6, 9]),
        (names("device_ids", "d7", "d2", "none"), [2, 7]),
        (platforms(ANDROID), [1, 3, 5, 9]),
        (EVERYONE, [*range(1, 7), 8, 9, 10]),
        (expression(every(tagged("news"), no(on(ANDROID)))), [4]),
        (expression(either(tagged("news"), on(ANDROID))), [1, 3, 4, 5, 9]),
        (expression(no(tagged("news"))), [1, 2, 5, 6, 8, 9, 10]),
    ],
)
async def test_each_kind_of_target_is_resolved(
    crowded: Room, app_id: UUID, target: target_pb2.Target, expected: list[int]
) -> None:
    assert uids_in(await resolve(crowded, app_id, target, piece(0, 10))) == expected
    assert uids_in(await resolve_uids(crowded, app_id, target, list(range(1, 11)))) == expected


async def test_more_uids_than_registry_identifies_at_once_are_resolved(
    crowded: Room, app_id: UUID
) -> None:
    answers = await resolve_uids(
        crowded, app_id, names("user_ids", "ada", "bob"), list(range(1, 2001))
    )

    assert uids_in(answers) == list(range(1, 1201))
    assert max(len(answer.recipients.uids) for answer in answers) <= 500


async def test_a_slice_that_has_outgrown_2000_says_where_to_go_on(room: Room, app_id: UUID) -> None:
    room.book.write(app_id, *(Entry(uid, f"d{uid}") for uid in range(1, 2051)))
    answers = await resolve(room, app_id, EVERYONE, piece())
    assert answers[-1].continue_after_uid == 2000
    assert not any(answer.HasField("continue_after_uid") for answer in answers[:-1])
    rest = await resolve(room, app_id, EVERYONE, piece(after=2000))

    assert uids_in(answers) + uids_in(rest) == list(range(1, 2051))


@pytest.mark.parametrize(
    "target", [EVERYONE, names("tag_names", "news"), expression(no(tagged("news")))]
)
async def test_slices_that_share_a_call_are_told_apart(
    crowded: Room, app_id: UUID, target: target_pb2.Target
) -> None:
    stretches = [piece(0, 4), piece(4, 4 + 1), piece(5, 900, IOS), piece(3, 700, ANDROID)]
    alone = [uids_in(await resolve(crowded, app_id, target, each)) for each in stretches]
    together: list[list[int]] = [[] for _ in stretches]
    for answer in await resolve(crowded, app_id, target, *stretches):
        together[answer.place] += answer.recipients.uids

    assert together == alone
    assert any(alone)


async def test_slices_are_1_to_32(room: Room, app_id: UUID) -> None:
    for stretches in ([], [piece()] * 33):
        fault = await refused(resolve(room, app_id, EVERYONE, *stretches))

        assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", "slices")


async def test_cutting_goes_on_after_any_answer(crowded: Room, app_id: UUID) -> None:
    crowded.book.slice_size = 100
    answers = await cut(crowded, app_id, EVERYONE)
    assert len(answers) > 2
    rest = await cut(crowded, app_id, EVERYONE, answers[1].resume_token)

    assert rest == answers[2:]


async def test_a_resume_token_of_another_target_is_refused(crowded: Room, app_id: UUID) -> None:
    (answer,) = await cut(crowded, app_id, platforms(IOS))
    fault = await refused(cut(crowded, app_id, EVERYONE, answer.resume_token))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", "resume_token")


@pytest.mark.parametrize(
    ("target", "unknown"),
    [
        (EVERYONE, []),
        (platforms(IOS), []),
        (names("tag_names", "z", "news", "Push.ALL", "a"), ["z", "a"]),
        (names("user_ids", "nobody", "ada", "bob", "zoe"), ["nobody", "zoe"]),
        (names("device_ids", "d9999", "d1"), ["d9999"]),
        (expression(every(tagged("z"), tagged("news"), no(tagged("a")), tagged("z"))), ["z", "a"]),
        (expression(either(tagged("Push.ALL"), on(IOS))), []),
    ],
)
async def test_a_check_names_what_does_not_exist(
    crowded: Room, app_id: UUID, target: target_pb2.Target, unknown: list[str]
) -> None:
    assert await check(crowded, app_id, target) == unknown


async def test_an_application_that_registry_does_not_know_has_nobody(room: Room) -> None:
    assert await cut(room, uuid4(), EVERYONE) == []
    assert await resolve(room, uuid4(), EVERYONE, piece()) == []


@pytest.mark.parametrize("ask", [cut, check])
@pytest.mark.parametrize(
    ("target", "field"),
    [
        (target_pb2.Target(), "target"),
        (names("tag_names"), "target.tag_names"),
        (names("user_ids", ""), "target.user_ids[0]"),
        (names("device_ids", "d" * 255), "target.device_ids[0]"),
        (names("device_ids", "a", "\0"), "target.device_ids[1]"),
        (names("tag_names", *(f"t{n}" for n in range(1001))), "target.tag_names"),
        (platforms(), "target.platforms"),
        (platforms(0), "target.platforms"),
        (platforms(9), "target.platforms"),
        (platforms(IOS, IOS), "target.platforms"),
        (expression(target_pb2.Expression()), "target.expression"),
        (expression(tagged("")), "target.expression.tag_name"),
        (expression(on(9)), "target.expression.platform"),
        (expression(every(tagged("a"))), "target.expression.all_of"),
        (
            expression(every(tagged("a"), no(tagged("\0")))),
            "target.expression.all_of[1].denied.tag_name",
        ),
        (expression(either(*[either(*[tagged("a")] * 51)] * 2)), "target.expression"),
        (expression(nested(16)), f"target.expression{'.denied' * 16}"),
    ],
)
async def test_a_malformed_target_is_refused(
    room: Room, app_id: UUID, ask: Callable[..., Any], target: target_pb2.Target, field: str
) -> None:
    fault = await refused(ask(room, app_id, target))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


@pytest.mark.parametrize(
    ("stretch", "field"),
    [
        (piece(after=-1), "slices[0].after_uid"),
        (piece(after=5, through=5), "slices[0].through_uid"),
        (piece(platform=9), "slices[0].platform"),
    ],
)
async def test_a_malformed_slice_is_refused(
    room: Room, app_id: UUID, stretch: recipient_pb2.Slice, field: str
) -> None:
    fault = await refused(resolve(room, app_id, EVERYONE, stretch))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


@pytest.mark.parametrize("uids", [[], [0], [2, 1], [1, 1], list(range(1, 2002))])
async def test_malformed_uids_are_refused(room: Room, app_id: UUID, uids: list[int]) -> None:
    fault = await refused(resolve_uids(room, app_id, EVERYONE, uids))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", "uids")


def questions(room: Room, app_id: UUID) -> list[Any]:
    """Everything that needs registry."""
    return [
        cut(room, app_id, EVERYONE),
        resolve(room, app_id, EVERYONE, piece()),
        resolve(room, app_id, names("tag_names", "news"), piece()),
        resolve_uids(room, app_id, names("user_ids", "ada"), [3, 4]),
        check(room, app_id, names("user_ids", "ada", "bob")),
        subscribe(room, app_id, "d1", "news"),
        unsubscribe(room, app_id, "d1", "news"),
        browse(room, app_id),
    ]


async def test_a_registry_that_is_away_is_named(crowded: Room, app_id: UUID) -> None:
    await crowded.registry_server.stop(None)
    for question in questions(crowded, app_id):
        fault = await refused(question)

        assert said(fault) == ("UNAVAILABLE", "REGISTRY_UNAVAILABLE", "")


@pytest.mark.parametrize("registry_patience", [2.0])
async def test_a_registry_that_does_not_answer_is_not_waited_for(
    crowded: Room, app_id: UUID
) -> None:
    crowded.registry.silent = True
    async with asyncio.timeout(20):
        faults = await asyncio.gather(*(refused(q) for q in questions(crowded, app_id)))

    assert {said(fault) for fault in faults} == {("UNAVAILABLE", "REGISTRY_UNAVAILABLE", "")}


async def test_a_registry_that_contradicts_us_is_a_bug(crowded: Room, app_id: UUID) -> None:
    class Confused(Exception):
        pass

    async def contradict(*_: object) -> None:
        raise Confused

    crowded.book.by_device_ids = contradict  # type: ignore[method-assign, assignment]  # to break it
    fault = await refused(subscribe(crowded, app_id, "d1", "news"))

    assert (fault.code, fault.reason) == (grpc.StatusCode.INTERNAL, "")


async def test_what_registry_deletes_ends_here(crowded: Room, app_id: UUID) -> None:
    crowded.book.feed.append(DeviceDeleted(app_id, 3))
    async with asyncio.timeout(10):
        while (3, "news") in pairs(await browse(crowded, app_id)):
            pass
        crowded.book.feed.append(ApplicationDeleted(app_id))
        while (await browse(crowded, app_id)).subscriptions:
            pass

    assert await check(crowded, app_id, names("tag_names", "news")) == ["news"]

"""What does dispatch refuse at its door, and how does it name the field?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from carillon.dispatch.v1 import content_pb2, message_pb2, message_service_pb2
from carillon.type.v1 import platform_pb2, target_pb2
from services.dispatch.api import wire
from services.dispatch.domain.faults import MessageNotFound
from services.dispatch.domain.messages import (
    Expression,
    Message,
    Operator,
    Platform,
    Status,
    Target,
)
from services.dispatch.domain.messages import TargetKind as Kind
from services.dispatch.domain.outcomes import Outcome
from services.kit.faults import FieldInvalid
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message
from tests.dispatch.sayings import contents

Request = message_service_pb2.SendMessageRequest
NAMES = ["tag_names", "user_ids", "device_ids"]


def asking(**changes: Any) -> Request:
    """A request that is right but for its changes, which are fields of its content."""
    content = content_pb2.Content(**({"alert": "Hi"} | changes))
    everyone = target_pb2.Target(everyone=target_pb2.Everyone())
    return Request(app_id=str(APP), message=message_pb2.Message(content=content, target=everyone))


def aimed(**target: Any) -> Request:
    content = content_pb2.Content(alert="Hi")
    return Request(message=message_pb2.Message(content=content, target=target_pb2.Target(**target)))


def refusal(request: Request, prefix: str = "") -> tuple[str, str]:
    with pytest.raises(FieldInvalid) as refused:
        wire.parse_submission(APP, request, "", prefix)
    ((field, description),) = refused.value.violations
    return field, description


@pytest.mark.parametrize("text", [str(APP), str(APP).upper()])
def test_a_guid_is_read_in_either_case(text: str) -> None:
    assert wire.parse_app_id(text) == APP


@pytest.mark.parametrize(
    "text", ["", "acme", str(APP)[:-1], f"{{{APP}}}", f"urn:uuid:{APP}", APP.hex, f"{APP} ", "\x00"]
)
def test_what_is_no_guid_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        wire.parse_app_id(text)

    assert refused.value.violations == (("app_id", "must be a GUID"),)


@pytest.mark.parametrize(
    "text", ["", "AbC12dE", "AbC12dEfg", "AbC12dE!", "AbC12dÉf", "a\x00bcdefg"]
)
def test_what_cannot_be_a_message_id_is_no_messages(text: str) -> None:
    with pytest.raises(MessageNotFound):
        wire.parse_message_id(text)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("€" * 22_000, "must be at most 65536 bytes, not 66000"),
        ("{", "must be JSON"),
        ("\x00", "must not contain NUL"),
    ],
)
def test_an_annotation_is_json_of_at_most_64_kib(text: str, description: str) -> None:
    request = asking()
    request.message.annotation = text

    assert refusal(request) == ("message.annotation", description)


def test_a_target_is_required() -> None:
    assert refusal(aimed()) == ("message.target", "must name exactly one kind of target")


@pytest.mark.parametrize("kind", NAMES)
def test_a_list_of_names_has_its_limits(kind: str) -> None:
    field = f"message.target.{kind}"

    def with_names(*names: str) -> Request:
        return aimed(**{kind: target_pb2.NameList(names=names)})

    full = [f"n{number}" for number in range(1000)]
    submission = wire.parse_submission(APP, with_names(*full), "")

    assert submission.target.names == tuple(full)
    assert refusal(with_names()) == (field, "must hold 1 to 1000 names, not 0")
    assert refusal(with_names(*full, "x")) == (field, "must hold 1 to 1000 names, not 1001")
    assert refusal(with_names("a", "")) == (
        f"{field}[1]",
        "must be 1 to 254 characters, not empty",
    )
    assert refusal(with_names("ü" * 255)) == (
        f"{field}[0]",
        "must be at most 254 characters, not 255",
    )
    assert refusal(with_names("a\x00")) == (f"{field}[0]", "must not contain NUL")


def test_a_name_counts_once() -> None:
    request = aimed(user_ids=target_pb2.NameList(names=["b", "a", "b"]))

    assert wire.parse_submission(APP, request, "").target == Target(Kind.USERS, ("b", "a"))


@pytest.mark.parametrize("platforms", [[], [0], [1, 0], [7], [1, 99]])
def test_platforms_must_be_known(platforms: list[int]) -> None:
    request = aimed(platforms=target_pb2.PlatformList())
    request.message.target.platforms.platforms.extend(platforms)  # type: ignore[arg-type]  # unknown ones too

    assert refusal(request) == (
        "message.target.platforms",
        "must hold 1 to 6 known platforms",
    )


def test_a_platform_counts_once() -> None:
    twice = [platform_pb2.PLATFORM_ANDROID, platform_pb2.PLATFORM_IOS, platform_pb2.PLATFORM_IOS]
    request = aimed(platforms=target_pb2.PlatformList(platforms=twice))
    target = wire.parse_submission(APP, request, "").target

    assert target == Target(Kind.PLATFORMS, platforms=(Platform.IOS, Platform.ANDROID))


def test_a_field_of_a_batch_is_named_by_its_place() -> None:
    field, _ = refusal(asking(alert=""), "messages[3].")

    assert field == "messages[3].message.content.alert"


names = some.lists(some.text(min_size=1, max_size=9), min_size=1, max_size=9, unique=True)
known = some.sampled_from([platform for platform in Platform if platform])
leaves = some.text(min_size=1, max_size=9).map(
    lambda name: Expression(Operator.TAG, tag_name=name)
) | known.map(lambda platform: Expression(Operator.PLATFORM, platform=platform))
expressions = some.recursive(
    leaves,
    lambda parts: (
        parts.map(lambda part: Expression(Operator.NOT, parts=(part,)))
        | some.builds(
            lambda operator, several: Expression(operator, parts=tuple(several)),
            some.sampled_from([Operator.AND, Operator.OR]),
            some.lists(parts, min_size=2, max_size=3),
        )
    ),
    max_leaves=6,
)
targets = (
    some.just(Target(Kind.EVERYONE))
    | some.sets(known, min_size=1).map(lambda p: Target(Kind.PLATFORMS, platforms=tuple(sorted(p))))
    | some.builds(
        Target, some.sampled_from([Kind.TAGS, Kind.USERS, Kind.DEVICES]), names.map(tuple)
    )
    | expressions.map(lambda tree: Target(Kind.EXPRESSION, expression=tree))
)


def without_nul(message: Message) -> bool:
    return "\x00" not in repr((message.content, message.target)).replace("\\x00", "\x00")


@given(some.builds(replace, some.just(a_message()), content=contents, target=targets))
def test_what_is_written_is_read_as_it_was(message: Message) -> None:
    if not without_nul(message):
        return
    written = wire.write_message(message)
    read = wire.parse_submission(APP, Request(message=written), "")

    assert (read.content, read.target) == (message.content, message.target)


@given(targets)
def test_a_target_is_kept_as_it_is(target: Target) -> None:
    assert msgspec.convert(msgspec.to_builtins(target), Target) == target


def tagged(name: str) -> target_pb2.Expression:
    return target_pb2.Expression(tag_name=name)


def joined(*parts: target_pb2.Expression) -> target_pb2.Expression:
    return target_pb2.Expression(all_of=target_pb2.ExpressionList(expressions=parts))


def denied(times: int) -> target_pb2.Expression:
    tree = tagged("a")
    for _ in range(times):
        tree = target_pb2.Expression(denied=tree)
    return tree


@pytest.mark.parametrize(
    ("tree", "field", "problem"),
    [
        (target_pb2.Expression(), "", "must be of one kind"),
        (tagged(""), ".tag_name", "must be 1 to 254 characters, not empty"),
        (tagged("a\0"), ".tag_name", "must not contain NUL"),
        (target_pb2.Expression(platform=9), ".platform", "must be a known platform, not 9"),  # type: ignore[arg-type]  # unknown
        (joined(tagged("a")), ".all_of", "must hold 2 to 100 entries, not 1"),
        (joined(tagged("a"), denied(2)), None, None),
        (joined(tagged("a"), joined(tagged("a"), tagged(""))), ".all_of[1].all_of[1].tag_name", ""),
        (denied(15), None, None),
        (denied(16), ".denied" * 16, "must be nested at most 16 deep"),
        (joined(*[denied(1)] * 100), None, None),
        (
            joined(*[joined(tagged("a"), tagged("b"))] * 51),
            "",
            "must hold at most 100 tags and platforms, not 102",
        ),
    ],
)
def test_an_expression_is_checked_node_by_node(
    tree: target_pb2.Expression, field: str | None, problem: str | None
) -> None:
    request = aimed(expression=tree)
    if field is None:
        assert wire.parse_submission(APP, request, "").target.kind is Kind.EXPRESSION
        return
    named, said = refusal(request)

    assert named == f"message.target.expression{field}"
    assert (problem or "") in said


def test_the_tables_of_enums_are_whole() -> None:
    assert set(wire.STATUS_TO_WIRE) == set(Status)
    assert set(wire.OUTCOME_TO_WIRE) == set(Outcome)
    assert set(wire.PLATFORM_TO_WIRE) == set(Platform)
    paused = message_pb2.MESSAGE_STATUS_PAUSED
    shown = set(message_pb2.MessageStatus.values()) - {0, paused}
    assert set(wire.STATUS_TO_WIRE.values()) == shown
    assert set(wire.OUTCOME_TO_WIRE.values()) == set(message_pb2.Outcome.values()) - {0}
    assert set(wire.PLATFORM_TO_WIRE.values()) == set(platform_pb2.Platform.values())


def test_a_time_is_written_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))

    assert wire.write_time(elsewhere).ToDatetime(UTC) == NOON
    assert wire.write_time(datetime(1970, 1, 1, tzinfo=UTC)).seconds == 0


def test_an_app_of_another_case_is_the_same_app() -> None:
    assert wire.parse_app_id(str(APP).upper()) == UUID(str(APP))

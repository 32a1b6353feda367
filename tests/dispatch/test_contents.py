"""Which contents does dispatch refuse at its door, and how does it name the member?"""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from carillon.dispatch.v1 import content_pb2 as pb
from services.dispatch.api import contents
from services.dispatch.domain import content as said
from services.dispatch.domain.content import Content
from services.dispatch.store.intake import _write_said
from services.kit.faults import FieldInvalid
from tests.dispatch import sayings

SILENT = {"presentation": pb.PRESENTATION_SILENT}
PAYLOADS = ["apple", "android", "chrome", "firefox", "safari.web", "chrome_app"]
DEEP = '{"a":' * 201 + "1" + "}" * 201


def saying(path: str, value: Any) -> pb.Content:
    """A content that is right but for the member at a path."""
    members: Any = value
    for name in reversed(path.split(".")):
        members = {name: members}
    return pb.Content(**({"alert": "Hi"} | members))


def refusal(content: pb.Content) -> tuple[str, str]:
    with pytest.raises(FieldInvalid) as refused:
        contents.parse_content("content", content, {})
    ((field, description),) = refused.value.violations
    return field.removeprefix("content."), description


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("alert", 4096),
        ("url", 2048),
        *[
            (f"apple.{name}", 4096)
            for name in ("title", "subtitle", "sound", "action_key", "category", "title_loc_key")
        ],
        *[
            (f"apple.{name}", 4096)
            for name in ("loc_key", "launch_image", "thread_id", "summary_arg")
        ],
        ("apple.attachment_url", 2048),
        *[
            (f"android.{name}", 4096)
            for name in ("title", "sound", "icon", "category", "redact", "group_id", "collapse_key")
        ],
        *[(f"{name}.title", 4096) for name in ("chrome", "firefox", "safari", "chrome_app")],
        *[(f"{name}.icon_url", 2048) for name in ("chrome", "firefox", "safari.web", "chrome_app")],
        ("chrome_app.collapse_key", 4096),
    ],
)
def test_each_text_has_its_limit_in_characters(path: str, limit: int) -> None:
    contents.parse_content("content", saying(path, "€" * limit), {})

    expected = f"must be at most {limit} characters, not {limit + 1}"
    assert refusal(saying(path, "€" * (limit + 1))) == (path, expected)
    assert refusal(saying(path, "a\x00b")) == (path, "must not contain NUL")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("alert", "", "1 to 4096"),
        ("apple.presentation", 9, "no value that is known"),
        ("apple.badge", -1, "0 to 2147483647"),
        ("apple.summary_arg_count", -1, "0 to"),
        ("apple.relevance_score", 1.01, "0 to 1"),
        ("apple.relevance_score", float("nan"), "0 to 1"),
        ("apple.critical_sound.volume", float("inf"), "0 to 1"),
        ("apple.priority", 7, "1, 5 or 10"),
        ("apple.time_to_live", -1, "0 to 2419200"),
        ("apple.time_to_live", 2_419_201, "0 to 2419200"),
        ("apple.collapse_id", "x" * 65, "64 printable"),
        ("apple.collapse_id", "a\r\nb: c", "64 printable"),
        ("apple.collapse_id", "ü", "64 printable"),
        ("apple.interruption_level", 5, "no value that is known"),
        ("android.presentation", pb.PRESENTATION_MIXED, "MIXED"),
        ("android.priority", 6, "no value that is known"),
        ("android.visibility", -1, "no value that is known"),
        ("android.time_to_live", 2_419_201, "0 to 2419200"),
        ("android.lights.color", "pink", "black, darkgray"),
        ("android.lights.on_ms", -1, "0 to 3600000"),
        ("android.lights.off_ms", 3_600_001, "0 to 3600000"),
        ("chrome.urgency", 5, "no value that is known"),
        ("chrome.topic", "x" * 33, "base64url"),
        ("firefox.topic", "a b", "base64url"),
        ("safari.web.topic", "a\n", "base64url"),
        ("safari.web.time_to_live", -1, "0 to 2419200"),
        ("chrome_app.time_to_live", -1, "0 to 2419200"),
    ],
)
def test_a_member_outside_its_range_is_named(path: str, value: Any, words: str) -> None:
    field, description = refusal(saying(path, value))

    assert field == path
    assert words in description


@pytest.mark.parametrize("path", ["apple.title_loc_args", "apple.loc_args", "safari.url_args"])
def test_a_list_has_its_limit_and_its_members_too(path: str) -> None:
    assert refusal(saying(path, ["x"] * 65)) == (path, "must hold at most 64, not 65")
    assert refusal(saying(path, ["x", "a\0"])) == (f"{path}[1]", "must not contain NUL")


@pytest.mark.parametrize(
    ("style", "member"),
    [
        ({}, "kind"),
        ({"kind": 9, "title": "T"}, "kind"),
        ({"kind": pb.STYLE_KIND_BIG_TEXT, "text": "x"}, "title"),
        ({"kind": pb.STYLE_KIND_BIG_TEXT, "title": "T"}, "text"),
        ({"kind": pb.STYLE_KIND_BIG_TEXT, "title": "T", "lines": ["x"]}, "text"),
        ({"kind": pb.STYLE_KIND_PICTURE, "title": "T", "text": "x"}, "url"),
        ({"kind": pb.STYLE_KIND_INBOX, "title": "T"}, "lines"),
        ({"kind": pb.STYLE_KIND_INBOX, "lines": ["x"]}, "title"),
    ],
)
def test_a_style_that_would_silence_the_phone_is_refused(style: Any, member: str) -> None:
    """The SDK reads these unasked, and shows nothing at all when one is missing."""
    field, _ = refusal(saying("android.style", style))

    assert field == f"android.style.{member}"


@pytest.mark.parametrize("path", PAYLOADS)
@pytest.mark.parametrize("text", ["{", "nid", "{'a': 1}", '"\\ud800"', "{} {}", "NaN"])
def test_a_payload_must_be_json(path: str, text: str) -> None:
    assert refusal(saying(f"{path}.payload", text)) == (f"{path}.payload", "must be JSON")


@pytest.mark.parametrize("path", PAYLOADS)
@pytest.mark.parametrize("text", ["[1, 2]", "7", "false", "1.5"])
def test_a_payload_is_an_object_or_a_string(path: str, text: str) -> None:
    field, description = refusal(saying(f"{path}.payload", text))

    assert field == f"{path}.payload"
    assert "object or a string" in description


@pytest.mark.parametrize("text", [DEEP, msgspec.json.encode(DEEP).decode(), "[" * 5000])
def test_a_payload_may_not_be_nested_without_end(text: str) -> None:
    """A phone's parser recurses with less stack than ours, in a string's object too."""
    field, description = refusal(saying("android.payload", text))

    assert field == "android.payload"
    assert "200" in description


@pytest.mark.parametrize("text", ['"{ that is all"', '"[[["', "null", '"plain"', '{"a":[[1]]}'])
def test_a_payload_that_only_looks_odd_is_taken(text: str) -> None:
    parsed = contents.parse_content("content", saying("android.payload", text), {})

    assert parsed.android.payload == text


def test_a_payload_has_its_limit() -> None:
    long = '"' + "x" * 8190 + '"'
    contents.parse_content("content", saying("apple.payload", long), {})

    field, description = refusal(saying("apple.payload", f"{long} "))
    assert field == "apple.payload"
    assert "8192" in description


@pytest.mark.parametrize("platform", ["apple", "android"])
def test_silence_needs_no_alert(platform: str) -> None:
    parsed = contents.parse_content("content", pb.Content(**{platform: SILENT}), {})  # type: ignore[arg-type]  # by name

    assert not parsed.alert


def test_a_sound_is_critical_or_plain_and_not_both() -> None:
    options = pb.AppleOptions(sound="a.caf", critical_sound=pb.CriticalSound(name="b.caf"))

    assert refusal(pb.Content(alert="Hi", apple=options))[0] == "apple.sound"


@pytest.mark.parametrize(
    ("table", "numbers", "words"),
    [
        (contents.PRESENTATIONS, pb.Presentation, said.Presentation),
        (contents.LEVELS, pb.InterruptionLevel, said.InterruptionLevel),
        (contents.PRIORITIES, pb.AndroidPriority, said.AndroidPriority),
        (contents.VISIBILITIES, pb.Visibility, said.Visibility),
        (contents.STYLES, pb.StyleKind, said.StyleKind),
        (contents.URGENCIES, pb.Urgency, said.Urgency),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_the_tables_of_enums_are_whole(table: Any, numbers: Any, words: Any) -> None:
    assert set(table) == set(numbers.values()) - {0}
    assert set(table.values()) == set(words)


@given(sayings.contents)
def test_a_content_is_stored_without_what_was_not_said_and_read_back_whole(
    content: Content,
) -> None:
    stored = msgspec.json.decode(msgspec.json.encode(_write_said(content)))

    assert msgspec.convert(stored, Content) == content
    assert _write_said(Content("Hi")) == {"alert": "Hi"}

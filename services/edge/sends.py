"""The body of a send: read leniently, refused precisely, and kept as it was submitted.

Dispatch gets all of it typed. Message, settings, target and validate also go along as they came, as
an annotation, so that whoever reads the message gets back what was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from carillon.dispatch.v1.content_pb2 import PRESENTATION_SILENT, Content
from carillon.dispatch.v1.message_pb2 import Message
from carillon.dispatch.v1.message_service_pb2 import SendMessageRequest
from carillon.type.v1.target_pb2 import Everyone, NameList, PlatformList, Target
from services.edge import bodies, message_settings, problems
from services.edge.contents import write_content
from services.edge.expressions import read_expression
from services.edge.message_settings import MessageSettings
from services.edge.platforms import read_platform
from services.edge.times import read_time

MAX_TARGETS = 1000
MAX_NAME = 254
MAX_URL = 2048
MAX_BATCH = 1000
MAX_ANNOTATION_BYTES = 64 * 1024
BROADCAST_TAG = "Push.ALL"
REPEAT, LOSE = "REPEAT", "LOSE"


class Said(msgspec.Struct):
    alert: str | None = None
    url: str | None = None


class Meant(msgspec.Struct, rename="camel"):
    device_ids: list[str] | None = None
    user_ids: list[str] | None = None
    platforms: list[str] | None = None
    tag_names: list[str] | None = None
    expression: str | None = None


class SendBody(msgspec.Struct, rename="camel"):
    message: Said | None = None
    settings: MessageSettings | None = None
    target: Meant | None = None
    validate: bool | None = None
    # Beyond the original service.
    not_before: str | int | float | None = None
    expires_at: str | int | float | None = None
    when_unanswered: str | None = None


class Submitted(msgspec.Struct, omit_defaults=True, rename="camel"):
    """The members of a send, byte for byte; what was absent stays absent."""

    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    settings: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    target: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    validate: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    not_before: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    expires_at: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    when_unanswered: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Send:
    """One send: what dispatch is asked, and what the caller submitted."""

    request: SendMessageRequest
    submitted: Submitted

    @property
    def content(self) -> Content:
        return self.request.message.content


def read_send(body: bytes) -> Send:
    """Raises Problem 400 naming what is missing, malformed or too much."""
    value = bodies.decode(body)
    return _read(value, bodies.strip_mark(body), "")


def read_batch(body: bytes) -> list[Send]:
    """Raises Problem 400 naming the first entry that is wrong, as in `[3].message.alert`."""
    value = bodies.decode(body)
    if not isinstance(value, list):
        raise problems.invalid("body", "must be an array of messages")
    if not 1 <= len(value) <= MAX_BATCH:
        raise problems.invalid("body", f"must hold 1 to {MAX_BATCH} messages, not {len(value)}")
    raws = msgspec.json.decode(bodies.strip_mark(body), type=list[msgspec.Raw])
    return [
        _read(one, bytes(raw), f"[{i}].")
        for i, (one, raw) in enumerate(zip(value, raws, strict=True))
    ]


def _read(value: object, body: bytes, prefix: str) -> Send:
    if isinstance(value, dict) and "settings" in value:
        value = value | {"settings": message_settings.respell(value["settings"])}
    asked = bodies.convert(value, SendBody, prefix)
    settings = asked.settings or MessageSettings()
    submitted = msgspec.json.decode(body, type=Submitted)
    message = Message(
        content=_read_content(asked.message, settings, prefix),
        target=_read_target(asked.target, prefix),
        annotation=_annotate(submitted, prefix),
    )
    if asked.not_before is not None:
        message.start_time.CopyFrom(read_time(asked.not_before, f"{prefix}notBefore"))
    if asked.expires_at is not None:
        message.expire_time.CopyFrom(read_time(asked.expires_at, f"{prefix}expiresAt"))
    message.content.prefer_loss = _prefers_loss(asked.when_unanswered, prefix)
    request = SendMessageRequest(message=message, validate_target=bool(asked.validate))
    return Send(request, submitted)


def _read_content(said: Said | None, settings: MessageSettings, prefix: str) -> Content:
    if said is None:
        raise problems.required(f"{prefix}message")
    if said.url and len(said.url) > MAX_URL:
        raise problems.invalid(
            f"{prefix}message.url", f"must be at most {MAX_URL} characters, not {len(said.url)}"
        )
    content = write_content(said.alert or "", said.url or "", settings, prefix)
    if not content.alert and not _asks_silence(content):
        raise problems.required(f"{prefix}message.alert")
    return content


def _prefers_loss(word: str | None, prefix: str) -> bool:
    """What is to become of a request that a gateway never answers."""
    policy = REPEAT if word is None else word.upper()
    if policy not in {REPEAT, LOSE}:
        raise problems.invalid(f"{prefix}whenUnanswered", f"must be '{REPEAT}' or '{LOSE}'")
    return policy == LOSE


def _asks_silence(content: Content) -> bool:
    asked = (content.apple.presentation, content.android.presentation)
    return PRESENTATION_SILENT in asked


def _read_target(meant: Meant | None, prefix: str) -> Target:
    """The one kind that is asked for; empty lists count as absent, nothing as everyone."""
    kinds = {name: names for name, names in _name_kinds(meant).items() if names}
    if not kinds:
        return Target(everyone=Everyone())
    if len(kinds) > 1:
        raise problems.invalid(
            f"{prefix}target", f"must be of one kind, not of {' and '.join(kinds)}"
        )
    ((kind, names),) = kinds.items()
    field = f"{prefix}target.{kind}"
    if len(names) > MAX_TARGETS:
        raise problems.invalid(field, f"must hold at most {MAX_TARGETS}, not {len(names)}")
    if kind == "expression":
        return Target(expression=read_expression(names[0], field))
    if kind == "platforms":
        return _read_platforms(names, field)
    return _read_names(kind, names, field)


def _read_names(kind: str, names: list[str], field: str) -> Target:
    for name in names:
        if not 1 <= len(name) <= MAX_NAME:
            raise problems.invalid(field, f"must hold names of 1 to {MAX_NAME} characters")
    listed = NameList(names=dict.fromkeys(names))
    if kind == "deviceIds":
        return Target(device_ids=listed)
    if kind == "userIds":
        return Target(user_ids=listed)
    # Broadcast and some tags together: still everyone.
    return Target(everyone=Everyone()) if BROADCAST_TAG in names else Target(tag_names=listed)


def _name_kinds(meant: Meant | None) -> Mapping[str, list[str] | None]:
    if meant is None:
        return {}
    return {
        "deviceIds": meant.device_ids,
        "userIds": meant.user_ids,
        "platforms": meant.platforms,
        "tagNames": meant.tag_names,
        # A blank one is there, and wrong: it must not pass for a broadcast.
        "expression": None if meant.expression is None else [meant.expression],
    }


def _read_platforms(codes: list[str], field: str) -> Target:
    platforms = dict.fromkeys(read_platform(code, field) for code in codes)
    return Target(platforms=PlatformList(platforms=platforms))


def _annotate(submitted: Submitted, prefix: str) -> str:
    """The annotation; a target too long for it is left out, for dispatch keeps it anyway."""
    annotation = msgspec.json.encode(submitted)
    if len(annotation) > MAX_ANNOTATION_BYTES:
        short = msgspec.structs.replace(submitted, target=msgspec.UNSET)
        annotation = msgspec.json.encode(short)
    if len(annotation) > MAX_ANNOTATION_BYTES:
        raise problems.invalid(
            f"{prefix}message", f"and 'settings' must fit in {MAX_ANNOTATION_BYTES} bytes together"
        )
    return annotation.decode()

"""The closed schema of FCM's SendMessageRequest: what it does not name is refused.

Names are as in Google's JSON, lowerCamelCase; snake_case is understood too, as there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Scalar kinds, by the names Google's errors give them."""

    STRING = "TYPE_STRING"
    BOOLEAN = "TYPE_BOOL"
    INTEGER = "TYPE_INT32"
    NUMBER = "TYPE_FLOAT"
    DURATION = "type.googleapis.com/google.protobuf.Duration"
    TIMESTAMP = "type.googleapis.com/google.protobuf.Timestamp"
    STRUCT = "type.googleapis.com/google.protobuf.Struct"


@dataclass(frozen=True, slots=True)
class OneOf:
    """An enum; its words are read without regard to case, as Google does."""

    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class ListOf:
    kind: Kind


@dataclass(frozen=True, slots=True)
class TextMap:
    """A map from strings to strings."""


@dataclass(frozen=True, slots=True)
class Shape:
    fields: Mapping[str, "FieldType"]


FieldType = Kind | OneOf | ListOf | TextMap | Shape


class SchemaViolation(ValueError):
    def __init__(self, path: str, description: str) -> None:
        super().__init__(description)
        self.path = path


_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_FORMS = {Kind.DURATION: _DURATION, Kind.TIMESTAMP: _TIMESTAMP}
_TYPES = {Kind.STRING: str, Kind.BOOLEAN: bool, Kind.STRUCT: dict}
_SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")
_INT32_LIMIT = 1 << 31

TEXT, FLAG = Kind.STRING, Kind.BOOLEAN
COLOR = Shape(dict.fromkeys(("red", "green", "blue", "alpha"), Kind.NUMBER))
LIGHT_SETTINGS = Shape(
    {"color": COLOR, "lightOnDuration": Kind.DURATION, "lightOffDuration": Kind.DURATION}
)
NOTIFICATION_PRIORITIES = OneOf(
    frozenset(
        f"PRIORITY_{word}" for word in ("UNSPECIFIED", "MIN", "LOW", "DEFAULT", "HIGH", "MAX")
    )
)
VISIBILITIES = OneOf(frozenset({"VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"}))
PROXIES = OneOf(frozenset({"PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"}))
ANDROID_NOTIFICATION = Shape(
    {
        **dict.fromkeys(("title", "body", "icon", "color", "sound", "tag", "clickAction"), TEXT),
        **dict.fromkeys(("bodyLocKey", "titleLocKey", "channelId", "ticker", "image"), TEXT),
        **dict.fromkeys(("bodyLocArgs", "titleLocArgs"), ListOf(TEXT)),
        **dict.fromkeys(("sticky", "localOnly", "bypassProxyNotification"), FLAG),
        **dict.fromkeys(("defaultSound", "defaultVibrateTimings", "defaultLightSettings"), FLAG),
        "eventTime": Kind.TIMESTAMP,
        "notificationPriority": NOTIFICATION_PRIORITIES,
        "vibrateTimings": ListOf(Kind.DURATION),
        "lightSettings": LIGHT_SETTINGS,
        "visibility": VISIBILITIES,
        "notificationCount": Kind.INTEGER,
        "proxy": PROXIES,
    }
)
ANDROID_CONFIG = Shape(
    {
        **dict.fromkeys(("collapseKey", "restrictedPackageName"), TEXT),
        **dict.fromkeys(("directBootOk", "bandwidthConstrainedOk", "restrictedSatelliteOk"), FLAG),
        "priority": OneOf(frozenset({"NORMAL", "HIGH"})),
        "ttl": Kind.DURATION,
        "data": TextMap(),
        "notification": ANDROID_NOTIFICATION,
        "fcmOptions": Shape({"analyticsLabel": TEXT}),
    }
)
WEBPUSH_CONFIG = Shape(
    {
        "headers": TextMap(),
        "data": TextMap(),
        "notification": Kind.STRUCT,
        "fcmOptions": Shape({"link": TEXT, "analyticsLabel": TEXT}),
    }
)
APNS_CONFIG = Shape(
    {
        "headers": TextMap(),
        "payload": Kind.STRUCT,
        "liveActivityToken": TEXT,
        "fcmOptions": Shape({"analyticsLabel": TEXT, "image": TEXT}),
    }
)
MESSAGE = Shape(
    {
        **dict.fromkeys(("name", "token", "topic", "condition"), TEXT),
        "data": TextMap(),
        "notification": Shape({"title": TEXT, "body": TEXT, "image": TEXT}),
        "android": ANDROID_CONFIG,
        "webpush": WEBPUSH_CONFIG,
        "apns": APNS_CONFIG,
        "fcmOptions": Shape({"analyticsLabel": TEXT}),
    }
)
SEND_MESSAGE_REQUEST = Shape({"message": MESSAGE, "validateOnly": FLAG})


def read(value: object, expected: FieldType, path: str = "") -> object:
    """Check a decoded JSON value; return it with names in camelCase and nulls left out.

    Raises SchemaViolation, with the path of the field in question.
    """
    match expected:
        case Shape(fields):
            return dict(_read_fields(_as_object(value, path), fields, path))
        case TextMap():
            return _read_text_map(_as_object(value, path), path)
        case ListOf(kind):
            if not isinstance(value, list):
                raise SchemaViolation(path, f"Invalid value at '{path}': Proto field is repeating")
            return [read(item, kind, f"{path}[{place}]") for place, item in enumerate(value)]
        case OneOf(words):
            if not isinstance(value, str) or value.upper() not in words:
                raise SchemaViolation(path, f"Invalid value at '{path}': not one of the enum")
            return value.upper()
        case Kind():
            if not _is_of_kind(value, expected):
                raise SchemaViolation(path, f"Invalid value at '{path}' ({expected.value})")
            return value


def _as_object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SchemaViolation(path, f"Invalid value at '{path}': an object is expected")
    return value


def _read_fields(
    value: Mapping[str, object], fields: Mapping[str, FieldType], path: str
) -> Iterator[tuple[str, object]]:
    seen = set()
    for given, item in value.items():
        name = _camel_case(given)
        if name not in fields:
            description = f'Invalid JSON payload received. Unknown name "{given}"'
            raise SchemaViolation(path, f"{description} at '{path}': Cannot find field.")
        if name in seen:
            raise SchemaViolation(path, f"Field \"{given}\" at '{path}' is given twice.")
        seen.add(name)
        if item is not None:
            yield name, read(item, fields[name], f"{path}.{name}" if path else name)


def _read_text_map(value: Mapping[str, object], path: str) -> Mapping[str, object]:
    for place, text in enumerate(value.values()):
        if not isinstance(text, str):
            where = f"{path}[{place}].value"
            raise SchemaViolation(where, f"Invalid value at '{where}' (TYPE_STRING)")
    return value


def _is_of_kind(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.INTEGER:
            return isinstance(value, int) and _is_number(value) and abs(value) < _INT32_LIMIT
        case Kind.NUMBER:
            return _is_number(value)
        case Kind.DURATION | Kind.TIMESTAMP:
            return isinstance(value, str) and _FORMS[kind].fullmatch(value) is not None
        case _:
            return isinstance(value, _TYPES[kind])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _camel_case(name: str) -> str:
    if not _SNAKE_CASE.fullmatch(name):
        return name
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)

"""Answers of gateways, as their documents word them."""

from typing import Any

import msgspec
from hypothesis import strategies as some

from services.dispatch.wire import Answer

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=6,
)
bodies = some.binary(max_size=80) | json_values.map(msgspec.json.encode)
statuses = some.integers(200, 599)


def answer(status: int, body: object = None, **headers: str) -> Answer:
    """An answer with a JSON body; underscores in header names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"" if body is None else msgspec.json.encode(body))


def fcm_error(status: int, code: str, general: str = "GENERAL", **headers: str) -> Answer:
    """An error in which FCM itself speaks, beside another detail."""
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.BadRequest"},
        {"@type": FCM_ERROR, "errorCode": code},
    ]
    error = {"code": status, "status": general, "message": "m", "details": details}
    return answer(status, {"error": error}, **headers)


def google_error(status: int, general: str, **headers: str) -> Answer:
    """An error of Google's front door: no word of FCM in it."""
    return answer(status, {"error": {"code": status, "status": general}}, **headers)

"""The one place where a failure becomes an HTTP status, a code and a sentence.

The codes FPWSE…E are the REST API's own; CARILLON…E stand where it names none.
"""

from collections.abc import Callable, Iterable, Mapping

import grpc
from starlette.responses import Response

from services.edge.answers import answer
from services.edge.languages import catalogue
from services.edge.names import read_platform_name, to_rest_name
from services.kit.client import RemoteFault

RESOURCE_MISSING = "FPWSE0001E"
RESOURCE_EXISTS = "FPWSE0002E"
GATEWAY_MISSING = "FPWSE0003E"
JSON_MALFORMED = "FPWSE0004E"
VALUE_INVALID = "FPWSE0005E"
QUERY_UNKNOWN = "FPWSE0007E"
QUERY_MISSING = "FPWSE0008E"
INTERNAL = "FPWSE0010E"
SUBSCRIPTION_EXISTS = "FPWSE0011E"
SUBSCRIPTION_MISSING = "FPWSE0012E"
OVERLOADED = "FPWSE0025E"
APPLICATION_DISABLED = "FPWSE1007E"
OFFSET_INVALID = "FPWSE1079E"
SIZE_INVALID = "FPWSE1080E"
HTTP_MALFORMED = "CARILLON0400E"
UNAUTHENTICATED = "CARILLON0401E"
METHOD_REFUSED = "CARILLON0405E"
LIMIT_REACHED = "CARILLON0409E"
MESSAGE_ENDED = "CARILLON1409E"
BODY_TOO_LARGE = "CARILLON0413E"
TARGET_TOO_LONG = "CARILLON0414E"
MEDIA_TYPE_REFUSED = "CARILLON0415E"
HEAD_TOO_LARGE = "CARILLON0431E"

RETRY_SECONDS = "1"


class Problem(Exception):
    """A failure that the caller is told: status, code, and a sentence safe to show."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def to_response(self, accept_language: str = "") -> Response:
        """The answer, in the language that the caller would rather read."""
        body, language = self.tell(accept_language)
        headers = {**self.headers, "Content-Language": language, "Vary": "Accept-Language"}
        return answer(body, status=self.status, headers=headers)

    def tell(self, accept_language: str) -> tuple[dict[str, str], str]:
        """What is said, and in which language."""
        message, language = catalogue.tell(self.message, accept_language)
        return {"message": message, "code": self.code}, language


def missing(kind: str, field: str, value: str) -> Problem:
    """A resource of this kind does not exist; `field` is the parameter to check."""
    return Problem(
        404,
        RESOURCE_MISSING,
        f"The resource '{kind}' with {field} '{value}' does not exist. Check '{field}'.",
    )


def no_such_path() -> Problem:
    return Problem(404, RESOURCE_MISSING, "The service has no resource at this path.")


def method_refused(served: Iterable[str]) -> Problem:
    methods = ", ".join(sorted(served))
    return Problem(
        405,
        METHOD_REFUSED,
        f"This method is not served here; served are {methods}.",
        {"Allow": methods},
    )


def invalid(field: str, description: str) -> Problem:
    """A value is missing or invalid; the description completes `The parameter 'x' …`."""
    return Problem(400, VALUE_INVALID, f"The parameter '{field}' {description}.")


def required(field: str) -> Problem:
    return invalid(field, "is required")


def malformed(reason: str) -> Problem:
    return Problem(400, JSON_MALFORMED, f"The body is not valid JSON: {reason}.")


def malformed_http() -> Problem:
    return Problem(400, HTTP_MALFORMED, "The request is not valid HTTP/1.1.")


def target_too_long(limit: int) -> Problem:
    return Problem(
        414, TARGET_TOO_LONG, f"The path and its query are longer than {limit} characters."
    )


def head_too_large(limit: int) -> Problem:
    return Problem(431, HEAD_TOO_LARGE, f"The headers are larger than {limit} bytes.")


def unauthenticated(need: str) -> Problem:
    # No WWW-Authenticate: the mobile cores would start an OAuth dance at its sight.
    return Problem(401, UNAUTHENTICATED, f"This call needs {need}.")


def application_disabled() -> Problem:
    return Problem(409, APPLICATION_DISABLED, "The service is disabled for this application.")


def subscription_exists(device_id: str, tag_name: str) -> Problem:
    return Problem(
        409,
        SUBSCRIPTION_EXISTS,
        f"The device '{device_id}' is subscribed to the tag '{tag_name}' already.",
    )


def subscription_missing(device_id: str, tag_name: str) -> Problem:
    return Problem(
        404,
        SUBSCRIPTION_MISSING,
        f"The device '{device_id}' is not subscribed to the tag '{tag_name}'.",
    )


def internal(request_id: str) -> Problem:
    return Problem(
        500, INTERNAL, f"An internal error occurred. Report it with the request id {request_id}."
    )


def unavailable() -> Problem:
    return Problem(
        503,
        OVERLOADED,
        "The service cannot answer now. Repeat the request after a moment.",
        {"Retry-After": RETRY_SECONDS},
    )


def _application_missing(fault: RemoteFault) -> Problem:
    return missing("Application", "applicationId", fault.facts.get("app_id", ""))


def _application_exists(fault: RemoteFault) -> Problem:
    return _exists("Application", "applicationId", fault.facts.get("app_id", ""))


def _api_key_missing(fault: RemoteFault) -> Problem:
    return missing("ApiKey", "keyId", fault.facts.get("key_id", ""))


def _api_keys_exhausted(fault: RemoteFault) -> Problem:
    limit = fault.facts.get("limit", "?")
    return Problem(
        409, LIMIT_REACHED, f"The application has {limit} API keys already. Revoke one first."
    )


def _website_token_invalid(_: RemoteFault) -> Problem:
    return unauthenticated("'Authorization: ApplePushNotifications' with its push package's token")


def _device_missing(fault: RemoteFault) -> Problem:
    return missing("Device", "deviceId", fault.facts.get("device_id", ""))


def _gateway_missing(_: RemoteFault) -> Problem:
    return Problem(
        404, GATEWAY_MISSING, "This configuration was never set for the application. PUT it first."
    )


def _tag_missing(fault: RemoteFault) -> Problem:
    return missing("Tag", "tagName", fault.facts.get("tag_name", ""))


def _tag_exists(fault: RemoteFault) -> Problem:
    return _exists("Tag", "name", fault.facts.get("tag_name", ""))


def _subscription_missing(fault: RemoteFault) -> Problem:
    subscription_id = fault.facts.get("subscription_id", "")
    return Problem(
        404,
        SUBSCRIPTION_MISSING,
        f"The resource 'Subscription' with subscriptionId '{subscription_id}' does not exist.",
    )


def _message_missing(fault: RemoteFault) -> Problem:
    return missing("Message", "messageId", fault.facts.get("message_id", ""))


def _message_ended(_: RemoteFault) -> Problem:
    return Problem(409, MESSAGE_ENDED, "The message has ended: nothing of it is left to be sent.")


def _channel_missing(fault: RemoteFault) -> Problem:
    return missing("Channel", "channelId", fault.facts.get("channel_id", ""))


def _channel_exists(fault: RemoteFault) -> Problem:
    return _exists("Channel", "channelId", fault.facts.get("channel_id", ""))


def _webhook_missing(fault: RemoteFault) -> Problem:
    return missing("Webhook", "name", fault.facts.get("name", ""))


def _webhook_exists(fault: RemoteFault) -> Problem:
    # OpenWhisk's package looks for these very words.
    name = fault.facts.get("name", "")
    return Problem(
        409,
        RESOURCE_EXISTS,
        f"Nothing was created: the resource 'Webhook' already exists on the server with the name"
        f" '{name}'.",
    )


def _channel_group_missing(fault: RemoteFault) -> Problem:
    return missing("ChannelGroup", "groupId", fault.facts.get("group_id", ""))


def _channel_group_exists(fault: RemoteFault) -> Problem:
    return _exists("ChannelGroup", "groupId", fault.facts.get("group_id", ""))


def _payload_too_large(fault: RemoteFault) -> Problem:
    size, limit = fault.facts.get("size", "?"), fault.facts.get("limit", "?")
    platform = read_platform_name(fault.facts.get("platform", ""))
    field = to_rest_name(fault.violations[0][0]) if fault.violations else "message"
    return invalid(field, f"is too large for platform {platform}: {size} bytes of at most {limit}")


def _target_unknown(fault: RemoteFault) -> Problem:
    names = fault.facts.get("names", "")
    return Problem(
        404, RESOURCE_MISSING, f"The parameter 'target' names what does not exist: {names}."
    )


def _fuse_missing(fault: RemoteFault) -> Problem:
    return missing("Fuse", "platform", read_platform_name(fault.facts.get("platform", "")))


def _request_id_reused(_: RemoteFault) -> Problem:
    return Problem(
        409, RESOURCE_EXISTS, "The 'Idempotency-Key' was already used for another request."
    )


def _cursor_invalid(_: RemoteFault) -> Problem:
    return invalid("cursor", "is not one that this list gave out")


def _field_invalid(fault: RemoteFault) -> Problem:
    if not fault.violations:
        return Problem(400, VALUE_INVALID, "A value is missing or invalid.")
    field, description = fault.violations[0]
    return invalid(to_rest_name(field), description)


def _exists(kind: str, field: str, value: str) -> Problem:
    return Problem(
        409,
        RESOURCE_EXISTS,
        f"The resource '{kind}' already exists on the server: {field} '{value}' is taken.",
    )


REGISTRY, TARGETING, DISPATCH = "registry.carillon", "targeting.carillon", "dispatch.carillon"


# Outages of any room are told by their gRPC code and need no row.
FAULTS: dict[tuple[str, str], Callable[[RemoteFault], Problem]] = {
    (REGISTRY, "FIELD_INVALID"): _field_invalid,
    (REGISTRY, "PAGE_TOKEN_INVALID"): _cursor_invalid,
    (REGISTRY, "APPLICATION_NOT_FOUND"): _application_missing,
    (REGISTRY, "APPLICATION_EXISTS"): _application_exists,
    (REGISTRY, "API_KEY_NOT_FOUND"): _api_key_missing,
    (REGISTRY, "API_KEYS_EXHAUSTED"): _api_keys_exhausted,
    (REGISTRY, "DEVICE_NOT_FOUND"): _device_missing,
    (REGISTRY, "GATEWAY_NOT_CONFIGURED"): _gateway_missing,
    (REGISTRY, "WEBSITE_TOKEN_INVALID"): _website_token_invalid,
    (TARGETING, "FIELD_INVALID"): _field_invalid,
    (TARGETING, "PAGE_TOKEN_INVALID"): _cursor_invalid,
    (TARGETING, "TAG_NOT_FOUND"): _tag_missing,
    (TARGETING, "TAG_EXISTS"): _tag_exists,
    (TARGETING, "SUBSCRIPTION_NOT_FOUND"): _subscription_missing,
    (TARGETING, "DEVICE_NOT_FOUND"): _device_missing,
    (DISPATCH, "FIELD_INVALID"): _field_invalid,
    (DISPATCH, "PAGE_TOKEN_INVALID"): _cursor_invalid,
    (DISPATCH, "MESSAGE_NOT_FOUND"): _message_missing,
    (DISPATCH, "MESSAGE_ENDED"): _message_ended,
    (DISPATCH, "DEVICE_NOT_FOUND"): _device_missing,
    (DISPATCH, "PAYLOAD_TOO_LARGE"): _payload_too_large,
    (DISPATCH, "TARGET_UNKNOWN"): _target_unknown,
    (DISPATCH, "REQUEST_ID_REUSED"): _request_id_reused,
    (DISPATCH, "FUSE_NOT_BLOWN"): _fuse_missing,
    (DISPATCH, "CHANNEL_NOT_FOUND"): _channel_missing,
    (DISPATCH, "CHANNEL_EXISTS"): _channel_exists,
    (DISPATCH, "CHANNEL_GROUP_NOT_FOUND"): _channel_group_missing,
    (DISPATCH, "CHANNEL_GROUP_EXISTS"): _channel_group_exists,
    (DISPATCH, "WEBHOOK_NOT_FOUND"): _webhook_missing,
    (DISPATCH, "WEBHOOK_EXISTS"): _webhook_exists,
}

# CANCELLED is what a channel says that is being closed, RESOURCE_EXHAUSTED a room out of breath.
OUT_OF_BREATH = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED})


def read_remote(fault: RemoteFault) -> Problem | None:
    """What a caller is told of another room's fault; None if it is a bug of ours."""
    if fault.is_outage or (fault.code in OUT_OF_BREATH and not fault.reason):
        return unavailable()
    tell = FAULTS.get((fault.domain, fault.reason))
    return tell(fault) if tell else None


def refused_entry(reason: str, facts: Mapping[str, str], violation: tuple[str, str]) -> Problem:
    """What registry said of one entry of a batch."""
    code = grpc.StatusCode.INVALID_ARGUMENT
    fault = RemoteFault(code, "", REGISTRY, reason, dict(facts), (violation,))
    return FAULTS[REGISTRY, reason](fault)

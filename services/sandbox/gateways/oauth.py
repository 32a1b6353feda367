"""Google's token endpoint: POST /token trades a signed assertion for an access token."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from services.sandbox import base64url, jwt
from services.sandbox.behaviours import Behaviour
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways.contract import Faults, Notification, Refused

PATH = "/token"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = {
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
}
LIFETIME = timedelta(hours=1)
CLOCK_SLACK = timedelta(minutes=5)
_TOKEN = re.compile(r"ya29\.(\d{1,12})\.([A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{43})")


class AccessTokens:
    """Issues tokens that carry their expiry under a seal, so that none need be remembered."""

    def __init__(self, seal_key: bytes) -> None:
        self._seal_key = seal_key

    def issue(self, now: datetime) -> str:
        expires = int((now + LIFETIME).timestamp())
        content = f"{expires}.{secrets.token_urlsafe(8)}"
        return f"ya29.{content}.{self._seal(content)}"

    def is_valid(self, token: str, now: datetime) -> bool:
        parts = _TOKEN.fullmatch(token)
        if not parts:
            return False
        sealed = self._seal(f"{parts[1]}.{parts[2]}")
        return hmac.compare_digest(sealed, parts[3]) and int(parts[1]) > now.timestamp()

    def _seal(self, content: str) -> str:
        return base64url.encode(hmac.digest(self._seal_key, content.encode(), hashlib.sha256))


NO_ACCOUNT = "Invalid grant: account not found"
FAULTS: Faults = {
    (Behaviour.DEAD, None): (400, "invalid_grant", NO_ACCOUNT),
    (Behaviour.EXPIRED, None): (400, "invalid_grant", NO_ACCOUNT),
    (Behaviour.UNAUTHORIZED, None): (400, "invalid_grant", NO_ACCOUNT),
    (Behaviour.THROTTLED, None): (429, "rate_limit_exceeded", "Too many requests"),
    (Behaviour.ERROR, None): (503, "internal_failure", "Try again later"),
    (Behaviour.ERROR, 500): (500, "internal_failure", "Try again later"),
}


class OauthEndpoint:
    """Speaks as a gateway does, so that faults can be ordered for it too; delivers nothing."""

    name = "oauth"
    faults = FAULTS

    def __init__(
        self,
        tokens: AccessTokens,
        *,
        client_email: str,
        private_key_id: str,
        key: rsa.RSAPublicKey,
        token_uri: str,
    ) -> None:
        self._tokens = tokens
        self._client_email = client_email
        self._private_key_id = private_key_id
        self._key = key
        self._token_uri = token_uri

    def examine(self, request: Request, now: datetime) -> Notification:
        if request.method != "POST":
            raise Refused(405, "method_not_allowed")
        form = read_form(request)
        if form.get("grant_type") != GRANT_TYPE:
            raise Refused(400, "unsupported_grant_type", f"grant_type must be {GRANT_TYPE}")
        if not form.get("assertion"):
            raise Refused(400, "invalid_request", "Missing required parameter: assertion")
        self._check_assertion(form["assertion"], request.authority, now)
        return Notification(payload=self._tokens.issue(now), delivered=False)

    def glimpse(self, request: Request) -> Notification:  # noqa: ARG002  Gateway
        return Notification(delivered=False)

    def accept(self, request: Request, notification: Notification) -> Response:  # noqa: ARG002  Gateway
        answer = {
            "access_token": notification.payload,
            "expires_in": int(LIFETIME.total_seconds()),
            "token_type": "Bearer",
        }
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        return Response(200, msgspec.json.encode(answer), headers)

    def refuse(self, request: Request, refused: Refused) -> Response:  # noqa: ARG002  Gateway
        answer = {"error": refused.reason, "error_description": refused.message}
        headers = {"content-type": "application/json"} | refused.retry_header()
        return Response(refused.status, msgspec.json.encode(answer), headers)

    def _check_assertion(self, assertion: str, authority: str, now: datetime) -> None:
        try:
            token = self._read_assertion(assertion)
        except jwt.TokenInvalid as invalid:
            raise Refused(400, "invalid_grant", f"Invalid JWT: {invalid}") from None
        # The port may have changed since the app was given its service account.
        if token.text("aud") not in {self._token_uri, f"https://{authority}{PATH}"}:
            raise Refused(400, "invalid_grant", "Invalid JWT: aud must be the token endpoint")
        if not SCOPES.intersection(token.text("scope").split()):
            raise Refused(400, "invalid_scope", "The scope must allow to send messages")
        check_times(token, now)

    def _read_assertion(self, assertion: str) -> jwt.Jwt:
        """Our own account's is verified; of any other account it must only be well formed."""
        token = jwt.read(assertion, "RS256")
        if token.text("iss") == self._client_email:
            token = jwt.verify_rs256(assertion, self._key)
            if token.header.get("kid", self._private_key_id) != self._private_key_id:
                raise jwt.TokenInvalid("the key id is unknown")
        if "@" not in token.text("iss"):
            raise jwt.TokenInvalid("iss must be the account's e-mail address")
        return token


def read_form(request: Request) -> dict[str, str]:
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise Refused(400, "invalid_request", "The body must be form-urlencoded")
    try:
        fields = parse_qs(request.body.decode("ascii"), max_num_fields=16)
    except ValueError:
        raise Refused(400, "invalid_request", "The form cannot be read") from None
    return {name: values[0] for name, values in fields.items()}


def check_times(token: jwt.Jwt, now: datetime) -> None:
    """Issued now, expiring later, and an hour apart at most."""
    issued, expires = token.seconds("iat"), token.seconds("exp")
    if issued is None or expires is None:
        raise Refused(400, "invalid_grant", "Invalid JWT: iat and exp must be numbers of seconds")
    is_early = issued > (now + CLOCK_SLACK).timestamp()
    is_late = expires <= now.timestamp()
    if is_early or is_late or expires - issued > LIFETIME.total_seconds():
        message = "Invalid JWT: iat must have passed, exp not, and they lie an hour apart at most"
        raise Refused(400, "invalid_grant", message)

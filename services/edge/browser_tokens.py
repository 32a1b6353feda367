"""The tokens of browsers: subscriptions with the URL that pushes go to, judged before kept."""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from carillon.type.v1.platform_pb2 import Platform
from services.edge import problems
from services.kit.egress import EgressGuard
from services.kit.lookup import leads_out

POINT_BYTES, POINT_FORM = 65, 4
AUTH_BYTES = 16
# Browsers of one kind share a push service: a few hosts stand in all the tokens of an application.
MAX_HOSTS = 1000
HOST_SECONDS = 60.0

BROWSERS = frozenset({Platform.PLATFORM_WEB_CHROME, Platform.PLATFORM_WEB_FIREFOX})
# Safari's old tokens are letters and digits.
PERHAPS = frozenset({Platform.PLATFORM_WEB_SAFARI})


class Subscription(msgspec.Struct, rename="camel"):
    endpoint: str
    user_public_key: str
    user_auth: str


class BrowserTokens:
    """What a host leads to is believed for some seconds; senders judge it again at each connection.

    A key is judged by its form alone: whether its point lies on the curve shows at sending.
    """

    def __init__(self, guard: EgressGuard, clock: Callable[[], float]) -> None:
        self._guard = guard
        self._clock = clock
        self._hosts: OrderedDict[str, tuple[float, asyncio.Task[bool]]] = OrderedDict()

    async def check(self, platform: "Platform.ValueType", token: str) -> None:
        """Raises Problem 400 naming the member that could never be sent with."""
        is_one = platform in BROWSERS or (platform in PERHAPS and token.lstrip().startswith("{"))
        if not is_one:
            return
        subscription = _read(token)
        point = _decode(subscription.user_public_key)
        if len(point) != POINT_BYTES or point[0] != POINT_FORM:
            raise problems.invalid(
                "token.userPublicKey", f"must be {POINT_BYTES} bytes in base64, the first of them 4"
            )
        if len(_decode(subscription.user_auth)) != AUTH_BYTES:
            raise problems.invalid("token.userAuth", f"must be {AUTH_BYTES} bytes in base64")
        if not await self._leads_out(subscription.endpoint):
            raise problems.invalid(
                "token.endpoint", "must be https and lead to an address of the public internet"
            )

    async def _leads_out(self, endpoint: str) -> bool:
        if not self._guard.admits_url(endpoint):
            return False
        host, now = urlsplit(endpoint).hostname or "", self._clock()
        ends, judging = self._hosts.get(host, (0.0, None))
        if judging is None or ends <= now:
            judging = asyncio.create_task(leads_out(self._guard, endpoint))
            self._hosts[host] = (now + HOST_SECONDS, judging)
            self._hosts.move_to_end(host)
            if len(self._hosts) > MAX_HOSTS:
                self._hosts.popitem(last=False)
        # Others may wait for the same answer.
        return await asyncio.shield(judging)


def _read(token: str) -> Subscription:
    try:
        return msgspec.json.decode(token, type=Subscription)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise problems.invalid(
            "token", "must be JSON with the texts 'endpoint', 'userPublicKey' and 'userAuth'"
        ) from None


def _decode(text: str) -> bytes:
    """Base64 of either alphabet, padded or not; nothing if it is none."""
    squeezed = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(squeezed + "=" * (-len(squeezed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""

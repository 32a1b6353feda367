"""One notification's way over the wire: ask, renew a stale token once, and settle on a verdict."""

from collections.abc import Callable
from datetime import datetime

from services.dispatch.domain.messages import Message
from services.dispatch.domain.parcels import Recipient
from services.dispatch.gateways.encryption import SubscriptionInvalid
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import (
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Verdict,
)
from services.dispatch.wire import Forbidden, Unanswered, Unsent, Wire


async def ask(
    wire: Wire,
    gateway: Gateway,
    message: Message,
    rendered: Rendered,
    recipient: Recipient,
    clock: Callable[[], datetime],
) -> Verdict:
    """What the gateway makes of a notification, for good or ill; never Stale."""
    asked = clock()
    verdict = await _ask_once(wire, gateway, message, rendered, recipient, asked)
    if isinstance(verdict, Stale):
        gateway.renew(asked)
        verdict = await _ask_once(wire, gateway, message, rendered, recipient, clock())
    return Misconfigured(verdict.reason) if isinstance(verdict, Stale) else verdict


async def _ask_once(
    wire: Wire,
    gateway: Gateway,
    message: Message,
    rendered: Rendered,
    recipient: Recipient,
    asked: datetime,
) -> Verdict:
    try:
        request = await gateway.request(message, rendered, recipient)
        answer = await wire.post(request)
    except SubscriptionInvalid:
        return Suspect("SubscriptionInvalid")
    except Forbidden:
        return Refused("EndpointForbidden")
    except Unsent as error:
        return Later(str(error))
    except Unanswered as error:
        # It may have arrived. Sent again, it replaces itself on the device: its collapse id or
        # topic is the message's id. Losing it could not be mended so.
        return Later(str(error))
    return gateway.read_answer(answer, asked)

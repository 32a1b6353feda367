"""One notification's way over the wire: ask, renew a stale token once, and settle on a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.messages import Message
from services.dispatch.domain.outcomes import Finding
from services.dispatch.domain.parcels import Environment, Recipient
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.encryption import SubscriptionInvalid
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import (
    Accepted,
    CredentialRefused,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Trouble,
    Unknown,
    Verdict,
)
from services.dispatch.wire import Forbidden, Unanswered, Unsent, Wire

FINDINGS = {
    Environment.PRODUCTION: Finding.PRODUCTION,
    Environment.SANDBOX: Finding.SANDBOX,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A verdict, and what registry should hear about the address for it."""

    verdict: Verdict
    # Before the gateway could know anything.
    start_time: datetime
    finding: Finding | None = None


async def ask_home(
    wire: Wire,
    gateway: Gateway,
    message: Message,
    rendered: Rendered,
    recipient: Recipient,
    clock: Callable[[], datetime],
    may_flip: Callable[[], bool],
) -> Asked:
    """Ask, and where Apple does not know the address, ask its other environment, once.

    `may_flip` keeps the second question rare: a whole fleet in the wrong environment would else be
    asked for twice. Who is not asked for again is not blamed either.
    """
    start = clock()
    verdict = await ask(wire, gateway, message, rendered, recipient, clock)
    other = gateway.flip(recipient, verdict) if isinstance(gateway, Apns) else None
    if other is None:
        return Asked(verdict, start, _read_finding(verdict))
    if not may_flip():
        return Asked(verdict, start)
    second = await ask(wire, gateway, message, rendered, other, clock)
    match second:
        case Accepted() if other.environment is not None:
            return Asked(second, start, FINDINGS[other.environment])
        # Misconfigured: the credential is for its own environment alone, and says no more.
        case Suspect() | Dead() | Misconfigured():
            return Asked(verdict, start, Finding.SUSPECT)
        case _:
            return Asked(verdict, start)


def _read_finding(verdict: Verdict) -> Finding | None:
    match verdict:
        case Dead():
            return Finding.DEAD
        case Suspect():
            return Finding.SUSPECT
        case _:
            return None


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
    except CredentialRefused as refusal:
        return Misconfigured(refusal.reason)
    except Forbidden:
        return Refused("EndpointForbidden")
    except Unsent as error:
        return Later(str(error), trouble=Trouble.OUTAGE)
    except Unanswered as error:
        return Unknown(str(error))
    return gateway.read_answer(answer, asked)

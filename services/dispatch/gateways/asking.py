"""One notification's way over the wire: ask, renew a stale token once, and settle on a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.messages import Message
from services.dispatch.domain.outcomes import Finding
from services.dispatch.domain.parcels import Environment, Recipient
from services.dispatch.gateways.apns import Apns
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
from services.dispatch.wire import Answer, Forbidden, Unanswered, Wire, WireError

FINDINGS = {
    Environment.PRODUCTION: Finding.PRODUCTION,
    Environment.SANDBOX: Finding.SANDBOX,
}
NO_SUBSCRIPTION = Suspect("SubscriptionInvalid")


@dataclass(frozen=True, slots=True)
class Asked:
    """A verdict, and what registry should hear about the address for it."""

    verdict: Verdict
    # Before the gateway could know anything.
    start_time: datetime
    finding: Finding | None = None


def read(gateway: Gateway, url: str, outcome: Answer | WireError, asked: datetime) -> Verdict:
    """What came of a request of that URL; Stale is not the last word."""
    match outcome:
        case Answer():
            return gateway.read_answer(outcome, asked, url)
        case Forbidden():
            return Refused("EndpointForbidden")
        case Unanswered():
            return Unknown(str(outcome))
        case _:
            return Later(str(outcome), trouble=Trouble.OUTAGE)


def find_home(gateway: Gateway, recipient: Recipient, verdict: Verdict) -> Recipient | None:
    """The recipient where else it is to be asked for because of this verdict, if anywhere."""
    return gateway.flip(recipient, verdict) if isinstance(gateway, Apns) else None


def conclude(verdict: Verdict, start: datetime) -> Asked:
    """A verdict that is the last word, and what it says of the address."""
    match verdict:
        case Dead():
            return Asked(verdict, start, Finding.DEAD)
        case Suspect():
            return Asked(verdict, start, Finding.SUSPECT)
        case _:
            return Asked(verdict, start)


@dataclass(frozen=True, slots=True)
class Questioner:
    """Asks one gateway about one message, one recipient at a time, and waits for the last word."""

    wire: Wire
    gateway: Gateway
    message: Message
    rendered: Rendered
    clock: Callable[[], datetime]
    # Keeps second questions rare: a whole fleet in the wrong environment would else be asked for
    # twice.
    may_flip: Callable[[], bool]

    async def ask(self, recipient: Recipient) -> Asked:
        """Ask, and where Apple does not know the address, ask its other environment, once."""
        start = self.clock()
        return await self.go_on(recipient, await self._ask_once(recipient, start), start)

    async def go_on(self, recipient: Recipient, first: Verdict, start: datetime) -> Asked:
        """Likewise, from a first verdict on a request that was begun at `start`."""
        verdict = await self._renew(recipient, first, start)
        other = find_home(self.gateway, recipient, verdict)
        if other is None:
            return conclude(verdict, start)
        # Who is not asked for again is not blamed either.
        if not self.may_flip():
            return Asked(verdict, start)
        again = self.clock()
        second = await self._renew(other, await self._ask_once(other, again), again)
        match second:
            case Accepted() if other.environment is not None:
                return Asked(second, start, FINDINGS[other.environment])
            # Misconfigured: the credential is for its own environment alone, and says no more.
            case Suspect() | Dead() | Misconfigured():
                return Asked(verdict, start, Finding.SUSPECT)
            case _:
                return Asked(verdict, start)

    async def _renew(self, recipient: Recipient, verdict: Verdict, start: datetime) -> Verdict:
        """The verdict, or the one after the stale token was renewed; never Stale."""
        if isinstance(verdict, Stale):
            self.gateway.renew(start)
            verdict = await self._ask_once(recipient, self.clock())
        return Misconfigured(verdict.reason) if isinstance(verdict, Stale) else verdict

    async def _ask_once(self, recipient: Recipient, asked: datetime) -> Verdict:
        url = ""
        try:
            await self.gateway.prepare()
            (request,) = self.gateway.write(
                self.message, self.rendered, recipient.platform, [recipient]
            )
            if request is None:
                return NO_SUBSCRIPTION
            url = request.url
            outcome: Answer | WireError = await self.wire.post(request)
        except CredentialRefused as refusal:
            return Misconfigured(refusal.reason)
        except WireError as error:
            outcome = error
        return read(self.gateway, url, outcome, asked)

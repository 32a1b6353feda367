"""When a credential's circuit opens: judged by how its last requests ended."""

from collections import deque
from dataclasses import dataclass

from services.dispatch.domain.circuits import LEGACY, OTHER, Cause, Opening
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.verdicts import Later, Misconfigured, Trouble, Unknown, Verdict


@dataclass(frozen=True, slots=True)
class Temper:
    """How soon a gateway is believed to be gone."""

    window: int = 20
    least: int = 10
    share: float = 0.5
    # Whether one refusal of the credential speaks for all.
    one_refusal_counts: bool = True


# One host, the vendor's own.
VENDOR = Temper()
# A push service, which refuses also for what is wrong with one subscription.
PUSH_SERVICE = Temper(one_refusal_counts=False)
# Push services are whoever the clients name: one that is broken, or means harm, must not close the
# way to the others that share its gate.
ANY_HOST = Temper(share=0.9, one_refusal_counts=False)
# Waits shorter than this are waited for in place.
SHORT_SECONDS = 2.0
WEB_PLATFORMS = frozenset({Platform.WEB_CHROME, Platform.WEB_FIREFOX, Platform.WEB_SAFARI})


def choose_temper(platform: Platform, gate: str) -> Temper:
    if platform not in WEB_PLATFORMS or gate == LEGACY:
        return VENDOR
    return ANY_HOST if gate.startswith(OTHER) else PUSH_SERVICE


def blame(verdict: Verdict) -> Opening | None:
    """What an answer, or its absence, says of the gateway or the credential as a whole."""
    match verdict:
        case Misconfigured(reason=reason):
            return Opening(Cause.MISCONFIGURED, reason)
        case Unknown(reason=reason):
            return Opening(Cause.OUTAGE, reason)
        case Later(reason=reason, seconds=seconds, trouble=Trouble.OUTAGE):
            return Opening(Cause.OUTAGE, reason, seconds)
        case Later(reason=reason, seconds=seconds, trouble=Trouble.THROTTLED):
            return Opening(Cause.THROTTLED, reason, seconds)
        case _:
            return None


def is_slow(verdict: Verdict) -> bool:
    """Whether fewer requests at once would have fared better."""
    opening = blame(verdict)
    return opening is not None and opening.cause is not Cause.MISCONFIGURED


class Breaker:
    """Counts the last requests of one credential."""

    def __init__(self, temper: Temper) -> None:
        self._temper = temper
        self._failed: deque[bool] = deque(maxlen=temper.window)
        self._failures = 0

    def note(self, verdict: Verdict) -> Opening | None:
        """How the circuit is to open because of this verdict, if it is."""
        opening = blame(verdict)
        if opening is None:
            self._count(failed=False)
            return None
        if opening.cause is Cause.THROTTLED:
            return opening if (opening.seconds or 0.0) > SHORT_SECONDS else None
        if opening.cause is Cause.MISCONFIGURED and self._temper.one_refusal_counts:
            return opening
        self._count(failed=True)
        seen = len(self._failed)
        is_gone = seen >= self._temper.least and self._failures >= seen * self._temper.share
        return opening if is_gone else None

    def note_good(self, count: int) -> None:
        """Count so many requests that ended well."""
        if not self._failures and len(self._failed) == self._temper.window:
            return
        for _ in range(min(count, self._temper.window)):
            self._count(failed=False)

    def begin_anew(self) -> None:
        self._failed.clear()
        self._failures = 0

    def _count(self, *, failed: bool) -> None:
        if len(self._failed) == self._temper.window:
            self._failures -= self._failed[0]
        self._failed.append(failed)
        self._failures += failed

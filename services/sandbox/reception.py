"""Where requests to the gateways arrive: routed, examined, misbehaved upon, noted, answered."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

import structlog

from services.sandbox.arrivals import Arrivals
from services.sandbox.behaviours import Behaviour, Behaviours, Instruction
from services.sandbox.exchange import (
    Answer,
    FallSilent,
    HangUp,
    Request,
    Response,
    TurnAway,
    WantHttp1,
)
from services.sandbox.gateways.contract import Gateway, Notification, Refused, find_fault

log = structlog.get_logger()

NO_ANSWER = 0


class Reception:
    """Routes by the beginning of the path. A gateway without arrivals (OAuth) delivers nothing."""

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        behaviours: Behaviours,
        arrivals: Arrivals,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateways = gateways
        self._behaviours = behaviours
        self._arrivals = arrivals
        self._clock = clock

    async def answer(self, request: Request) -> Answer:
        gateway = self._route(request.path)
        if gateway is None:
            return Response(404, b'{"error":"no gateway answers on this path"}')
        if gateway.name == "apns" and not request.is_http2:
            return HangUp()  # Apple speaks nothing else
        now = self._clock()
        try:
            notification = gateway.examine(request, now)
        except Refused as refused:
            return self._refuse(gateway, request, gateway.glimpse(request), refused)
        instruction = self._behaviours.choose(gateway.name, notification.address)
        if fault := find_fault(gateway.faults, instruction, now):
            return self._refuse(gateway, request, notification, fault)
        return await self._deliver(gateway, request, notification, instruction)

    async def _deliver(
        self,
        gateway: Gateway,
        request: Request,
        notification: Notification,
        instruction: Instruction,
    ) -> Answer:
        """What is noted here has reached the device, whatever the sender learns of it."""
        match instruction.behaviour:
            case Behaviour.RESET:
                self._note(gateway, notification, NO_ANSWER, "reset")
                return HangUp()
            case Behaviour.GOAWAY:
                # Not processed, hence not noted: the sender may safely repeat it.
                return TurnAway("Shutdown")
            case Behaviour.HTTP1 if request.is_http2:
                return WantHttp1()
            case Behaviour.SILENT | Behaviour.DEAF as behaviour:
                self._note(gateway, notification, NO_ANSWER, behaviour)
                return FallSilent(is_deaf=behaviour is Behaviour.DEAF)
        answer = gateway.accept(request, notification)
        if notification.delivered:
            self._note(gateway, notification, answer.status, "")
        if instruction.behaviour is Behaviour.SLOW:
            await asyncio.sleep(instruction.delay)
        if instruction.behaviour is Behaviour.SETTINGS:
            return replace(answer, settings=instruction.settings)
        return answer

    def _refuse(
        self, gateway: Gateway, request: Request, notification: Notification, refused: Refused
    ) -> Response:
        if notification.delivered:
            self._note(gateway, notification, refused.status, refused.reason)
        else:
            # No arrival tells of it, and a sender that gets no token is hard to understand.
            log.info("refused", gateway=gateway.name, reason=refused.reason, why=refused.message)
        if refused.is_page:
            return _write_page(refused.status)
        return gateway.refuse(request, refused)

    def _note(self, gateway: Gateway, notification: Notification, status: int, reason: str) -> None:
        self._arrivals.add(
            time=self._clock(),
            gateway=gateway.name,
            address=notification.address,
            status=status,
            reason=reason,
            headers=notification.headers,
            payload=notification.payload,
        )

    def _route(self, path: str) -> Gateway | None:
        for beginning, gateway in self._gateways.items():
            if path.startswith(beginning):
                return gateway
        return None


def _write_page(status: int) -> Response:
    """As a proxy words it that does not reach the gateway behind it."""
    known = {each.value: each.phrase for each in HTTPStatus}
    title = f"{status} {known.get(status, '')}".rstrip()
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(status, page.encode(), {"content-type": "text/html"})

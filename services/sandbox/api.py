"""The sandbox's own HTTP API: what arrived, faults on demand, fresh addresses, credentials."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox import page
from services.sandbox.addresses import canonical, fresh_apns, fresh_fcm
from services.sandbox.arrivals import Arrival, Wanted
from services.sandbox.asked import (
    BehaviourAsked,
    ProtocolsAsked,
    SubscriptionAsked,
    TokenAsked,
    Unacceptable,
    name_settings,
    read_page,
)
from services.sandbox.behaviours import Behaviour, Rule, TooManyRules, prefix
from services.sandbox.premises import Sandbox
from services.sandbox.subscriptions import Subscription, read_server_key

MAX_BODY = 65536

Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True)
class Api:
    sandbox: Sandbox
    # Whether the gateway listener answers.
    is_healthy: Callable[[], Awaitable[bool]]

    def application(self) -> Starlette:
        routes = [
            Route("/", page.show, methods=["GET"]),
            Route("/health", self.show_health, methods=["GET"]),
            Route("/api/notifications", self.list_notifications, methods=["GET"]),
            Route("/api/notifications", self.clear_notifications, methods=["DELETE"]),
            Route("/api/tally", self.show_tally, methods=["GET"]),
            Route("/api/subscriptions", self.create_subscription, methods=["POST"]),
            Route("/api/subscriptions/{id}", self.end_subscription, methods=["DELETE"]),
            Route("/api/tokens", self.create_token, methods=["POST"]),
            Route("/api/behaviours", self.list_behaviours, methods=["GET"]),
            Route("/api/behaviours", self.order_behaviour, methods=["PUT"]),
            Route("/api/behaviours", self.clear_behaviours, methods=["DELETE"]),
            Route("/api/protocols", self.show_protocols, methods=["GET"]),
            Route("/api/protocols", self.offer_protocols, methods=["PUT"]),
            Route("/api/credentials", self.show_credentials, methods=["GET"]),
        ]
        return Starlette(
            routes=routes,
            exception_handlers={HTTPException: _show_http_error, Unacceptable: _show_unacceptable},
        )

    async def show_health(self, _request: Request) -> Response:
        healthy = await self.is_healthy()
        return _json({"status": "ok" if healthy else "gateway"}, 200 if healthy else 503)

    async def list_notifications(self, request: Request) -> Response:
        asked = read_page(request.query_params)
        address = None if asked.address is None else canonical(asked.address)
        wanted = Wanted(asked.gateway, address, asked.after)
        if asked.wait:
            found = await self.sandbox.arrivals.wait(wanted, asked.limit, asked.wait)
        else:
            found = self.sandbox.arrivals.latest(wanted, asked.limit)
        listed = {
            "notifications": [_show_arrival(arrival) for arrival in found],
            "last_id": self.sandbox.arrivals.last_id,
            "counts": self.sandbox.arrivals.counts(),
        }
        return _json(listed)

    async def clear_notifications(self, _request: Request) -> Response:
        self.sandbox.arrivals.clear()
        return Response(status_code=204)

    async def show_tally(self, request: Request) -> Response:
        asked = read_page(request.query_params)
        return _json({"addresses": self.sandbox.arrivals.tally(asked.gateway)})

    async def create_subscription(self, request: Request) -> Response:
        asked = await _read(request, SubscriptionAsked)
        beginning = "" if asked.behaviour is Behaviour.OK else prefix("webpush", asked.behaviour)
        try:
            server_key = read_server_key(asked.server_key) if asked.server_key else None
        except ValueError:
            raise Unacceptable(
                "applicationServerKey must be a P-256 point of 65 bytes in base64url"
            ) from None
        subscription = self.sandbox.subscriptions.create(server_key=server_key, prefix=beginning)
        return _json(self._show_subscription(subscription), 201)

    async def end_subscription(self, request: Request) -> Response:
        subscription = self.sandbox.subscriptions.find(request.path_params["id"])
        if subscription is None:
            raise Unacceptable("there is no such subscription", 404)
        self.sandbox.subscriptions.end(subscription)
        return Response(status_code=204)

    async def create_token(self, request: Request) -> Response:
        asked = await _read(request, TokenAsked)
        fresh = fresh_apns if asked.gateway == "apns" else fresh_fcm
        return _json({"token": fresh(asked.behaviour)}, 201)

    async def list_behaviours(self, _request: Request) -> Response:
        rules = [
            *(
                {"address": key} | _show_rule(r)
                for key, r in self.sandbox.behaviours.by_address.items()
            ),
            *(
                {"gateway": key} | _show_rule(r)
                for key, r in self.sandbox.behaviours.by_gateway.items()
            ),
        ]
        return _json({"behaviours": rules})

    async def order_behaviour(self, request: Request) -> Response:
        asked = await _read(request, BehaviourAsked)
        asked.check()
        instruction = asked.instruction()
        try:
            if asked.address is not None:
                self.sandbox.behaviours.order_address(
                    canonical(asked.address), instruction, asked.times
                )
            else:
                self.sandbox.behaviours.order_gateway(asked.gateway or "", instruction, asked.times)
        except TooManyRules:
            raise Unacceptable("there are too many behaviours; DELETE them first") from None
        return Response(status_code=204)

    async def clear_behaviours(self, _request: Request) -> Response:
        self.sandbox.behaviours.clear()
        return Response(status_code=204)

    async def show_protocols(self, _request: Request) -> Response:
        return _json({"protocols": self.sandbox.offer.protocols})

    async def offer_protocols(self, request: Request) -> Response:
        asked = await _read(request, ProtocolsAsked)
        asked.check()
        self.sandbox.offer.protocols = tuple(asked.protocols)
        return Response(status_code=204)

    async def show_credentials(self, _request: Request) -> Response:
        return _json(self.sandbox.credentials)

    def _show_subscription(self, subscription: Subscription) -> dict[str, str]:
        return {
            "id": subscription.id,
            "endpoint": subscription.endpoint(self.sandbox.gateway_url),
            "token": subscription.token(self.sandbox.gateway_url),
        }


async def _read(request: Request, expected: type[Asked]) -> Asked:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise Unacceptable(f"a body has at most {MAX_BODY} bytes", 413)
    try:
        return msgspec.json.decode(body or b"{}", type=expected)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unacceptable(str(error)) from None


def _show_arrival(arrival: Arrival) -> dict[str, Any]:
    return {
        "id": arrival.id,
        "time": arrival.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "gateway": arrival.gateway,
        "address": arrival.address,
        "status": arrival.status,
        "reason": arrival.reason,
        "headers": arrival.headers,
        "payload": arrival.payload,
    }


def _show_rule(rule: Rule) -> dict[str, Any]:
    instruction = rule.instruction
    return {
        "behaviour": instruction.behaviour,
        "times": rule.times,
        "retry_after": instruction.retry_after,
        "delay": instruction.delay,
        "since": instruction.since,
        "status": instruction.status,
        "reason": instruction.reason,
        "html": instruction.html,
        "quota": instruction.quota,
        "settings": name_settings(instruction.settings),
    }


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


async def _show_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    response = _json({"error": error.detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _show_unacceptable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Unacceptable)  # noqa: S101  registered for this class only
    return _json({"error": str(error)}, error.status)

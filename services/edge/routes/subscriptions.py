"""Subscriptions: single and in bulk, each tag judged on its own. Every member is a string."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from carillon.targeting.v1 import subscription_service_pb2 as pb
from carillon.targeting.v1.subscription_pb2 import Subscription
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.filters import CONTAINS, EXACT, read_filters
from services.edge.links import Links
from services.edge.pages import Pager, read_page
from services.edge.problems import Problem
from services.edge.rooms import Rooms
from services.edge.routes.devices import read_asked_user
from services.edge.routing import Route

FIELDS = {"tagName": "tag_name", "deviceId": "device_id"}
FILTERS = dict.fromkeys(FIELDS, frozenset({EXACT, CONTAINS}))
MULTI_STATUS = 207
MAX_TAGS = 1000
DELETE_PARAMETERS = ("deviceId", "tagName")


class SubscriptionBody(msgspec.Struct, rename="camel"):
    device_id: str | None = None
    tag_name: str | None = None
    tag_names: list[str] | None = None


class Subscriptions:
    def __init__(self, rooms: Rooms, links: Links, *, strict: bool) -> None:
        self._rooms = rooms
        self._strict = strict
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/subscriptions",
                POST=(Access.CLIENT_WRITE, self._create_or_end),
                GET=(Access.CLIENT_READ, self._list),
                DELETE=(Access.CLIENT_DELETE, self._delete),
            ),
            door.route(
                APP + "/subscriptions/{subscription_id}",
                GET=(Access.CLIENT_READ, self._read),
                DELETE=(Access.CLIENT_DELETE, self._delete_one),
            ),
        ]

    async def _create_or_end(self, call: Call) -> Response:
        action = call.query("action").lower()
        if action not in {"", "delete"}:
            raise problems.invalid("action", f"must be 'delete' or absent, not '{action}'")
        if action == "delete":
            call.demand(Access.CLIENT_DELETE)
        body = await call.read(SubscriptionBody)
        if not body.device_id:
            raise problems.required("deviceId")
        names = _read_tag_names(body)
        if action == "delete":
            return await self._unsubscribe(call, body.device_id, names)
        request = pb.SubscribeRequest(app_id=call.app_id, device_id=body.device_id, tag_names=names)
        judged = await self._rooms.subscriptions.Subscribe(request, timeout=self._rooms.timeout)
        if body.tag_names is None:
            return self._answer_single(call.app_id, names[0], judged)
        return self._answer_bulk(call, judged)

    def _answer_single(self, app_id: str, name: str, judged: pb.SubscribeResponse) -> Response:
        if judged.unknown_tag_names:
            raise problems.missing("Tag", "tagName", name)
        # Android takes anything but 2xx for a failure, so a repeat is a success too.
        if judged.existing and self._strict:
            raise problems.subscription_exists(judged.existing[0].device_id, name)
        if judged.existing:
            return answer(self._render(judged.existing[0], app_id))
        return answer(self._render(judged.subscribed[0], app_id), status=201)

    def _answer_bulk(self, call: Call, judged: pb.SubscribeResponse) -> Response:
        body: dict[str, Any] = {
            "subscribed": [self._render(one, call.app_id) for one in judged.subscribed],
            "subscriptionExists": [self._render(one, call.app_id) for one in judged.existing],
            **_describe_unknown(call, judged.unknown_tag_names),
        }
        return answer(body, status=MULTI_STATUS)

    async def _unsubscribe(self, call: Call, device_id: str, names: list[str]) -> Response:
        request = pb.UnsubscribeRequest(app_id=call.app_id, device_id=device_id, tag_names=names)
        judged = await self._rooms.subscriptions.Unsubscribe(request, timeout=self._rooms.timeout)
        body: dict[str, Any] = {
            "unsubscribed": list(judged.unsubscribed_tag_names),
            "subscriptionNotExists": list(judged.missing_tag_names),
            **_describe_unknown(call, judged.unknown_tag_names),
        }
        return answer(body, status=MULTI_STATUS)

    async def _delete(self, call: Call) -> Response:
        device_id, name = _read_delete(call)
        judged = await self._end(call.app_id, device_id, name)
        literal = call.query_unformed("tagName")
        if judged.unknown_tag_names and literal != name:
            judged = await self._end(call.app_id, device_id, literal)
        if judged.unknown_tag_names:
            raise problems.missing("Tag", "tagName", name)
        if judged.missing_tag_names:
            raise problems.subscription_missing(device_id, name)
        return no_content()

    async def _end(self, app_id: str, device_id: str, name: str) -> pb.UnsubscribeResponse:
        request = pb.UnsubscribeRequest(app_id=app_id, device_id=device_id, tag_names=[name])
        return await self._rooms.subscriptions.Unsubscribe(request, timeout=self._rooms.timeout)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListSubscriptionsRequest(
            app_id=call.app_id, page_size=page.size, page_token=page.cursor, skip=page.offset
        )
        _narrow(request, call)
        listed = await self._rooms.subscriptions.ListSubscriptions(
            request, timeout=self._rooms.timeout
        )
        found = [self._render(one, call.app_id) for one in listed.subscriptions]
        described = self._pager.tell(call.request, listed, len(found))
        return answer({"subscriptions": found, "pageInfo": described})

    async def _read(self, call: Call) -> Response:
        found = await self._rooms.subscriptions.GetSubscription(
            pb.GetSubscriptionRequest(
                app_id=call.app_id, subscription_id=call.name("subscription_id")
            ),
            timeout=self._rooms.timeout,
        )
        return answer(self._render(found.subscription, call.app_id))

    async def _delete_one(self, call: Call) -> Response:
        await self._rooms.subscriptions.DeleteSubscription(
            pb.DeleteSubscriptionRequest(
                app_id=call.app_id, subscription_id=call.name("subscription_id")
            ),
            timeout=self._rooms.timeout,
        )
        return no_content()

    def _render(self, subscription: Subscription, app_id: str) -> dict[str, str]:
        device_id, name = subscription.device_id, subscription.tag_name
        return {
            "deviceId": device_id,
            "tagName": name,
            "subscriptionId": subscription.subscription_id,
            "userId": subscription.user_id,
            "href": self._links.app(app_id, "subscriptions", subscription.subscription_id),
        }


def _read_tag_names(body: SubscriptionBody) -> list[str]:
    if body.tag_names is None:
        if not body.tag_name:
            raise problems.required("tagName")
        return [body.tag_name]
    if not 1 <= len(body.tag_names) <= MAX_TAGS:
        raise problems.invalid(
            "tagNames", f"must hold 1 to {MAX_TAGS} names, not {len(body.tag_names)}"
        )
    return body.tag_names


def _read_delete(call: Call) -> tuple[str, str]:
    unknown = sorted(set(call.request.query_params) - set(DELETE_PARAMETERS))
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        raise Problem(
            400,
            problems.QUERY_UNKNOWN,
            f"Unknown query parameter {names}; only 'deviceId' and 'tagName' are known here.",
        )
    missing = [name for name in DELETE_PARAMETERS if not call.query(name)]
    if missing:
        names = " and ".join(f"'{name}'" for name in missing)
        raise Problem(400, problems.QUERY_MISSING, f"The query parameter {names} is required.")
    return call.query("deviceId"), call.query("tagName")


def _narrow(request: pb.ListSubscriptionsRequest, call: Call) -> None:
    """Put the query's conditions into `request`."""
    if call.query("deviceId"):
        request.device_id = call.query("deviceId")
    if call.query("tagName"):
        request.tag_name = call.query("tagName")
    user_id = read_asked_user(call)
    if user_id:
        request.user_id = user_id
    for one in read_filters(call.request, FILTERS):
        request.matchers.add(
            field=FIELDS[one.name], values=one.values, contains=one.operator == CONTAINS
        )


def _describe_unknown(call: Call, names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    listed = list(names)
    problem = problems.missing("Tag", "tagNames", ", ".join(listed))
    return {"tagsNotFound": {"tags": listed, **problem.tell(call.languages)[0]}}

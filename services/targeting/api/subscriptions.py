"""SubscriptionService."""

from collections.abc import Iterable

from carillon.targeting.v1 import subscription_pb2
from carillon.targeting.v1 import subscription_service_pb2 as pb
from carillon.targeting.v1 import subscription_service_pb2_grpc as rpc
from services.kit import paging
from services.targeting.api import Context, checks, wire
from services.targeting.browsing import Browser
from services.targeting.domain.subscriptions import subscribe
from services.targeting.enrolling import Enroller, Tagged


class SubscriptionServicer(rpc.SubscriptionServiceServicer):
    def __init__(self, enroller: Enroller, browser: Browser) -> None:
        self._enroller = enroller
        self._browser = browser

    async def Subscribe(
        self, request: pb.SubscribeRequest, _context: Context
    ) -> pb.SubscribeResponse:
        app_id = checks.app_id(request.app_id)
        device_id = checks.text("device_id", request.device_id)
        names = checks.names("tag_names", request.tag_names)
        made = await self._enroller.subscribe(app_id, device_id, names)

        def render(tagged: Iterable[Tagged]) -> list[subscription_pb2.Subscription]:
            return [wire.render_subscription(subscribe(made.device, *tag)) for tag in tagged]

        return pb.SubscribeResponse(
            subscribed=render(made.changed),
            existing=render(made.unchanged),
            unknown_tag_names=made.unknown,
        )

    async def Unsubscribe(
        self, request: pb.UnsubscribeRequest, _context: Context
    ) -> pb.UnsubscribeResponse:
        app_id = checks.app_id(request.app_id)
        device_id = checks.text("device_id", request.device_id)
        names = checks.names("tag_names", request.tag_names)
        ended = await self._enroller.unsubscribe(app_id, device_id, names)
        return pb.UnsubscribeResponse(
            unsubscribed_tag_names=[tag.name for tag in ended.changed],
            missing_tag_names=[tag.name for tag in ended.unchanged],
            unknown_tag_names=ended.unknown,
        )

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, _context: Context
    ) -> pb.ListSubscriptionsResponse:
        question = wire.parse_question(request)
        shape = tuple[paging.Number, paging.Number]
        window = paging.read_window(request, (question,), shape)
        listing = await self._browser.list_page(question, window)
        following, preceding = paging.lead(window, (question,), listing.ends, more=listing.more)
        return pb.ListSubscriptionsResponse(
            subscriptions=[wire.render_subscription(s) for s in listing.subscriptions],
            next_page_token=following,
            previous_page_token=preceding,
            total_size=listing.total,
        )

    async def GetSubscription(
        self, request: pb.GetSubscriptionRequest, _context: Context
    ) -> pb.GetSubscriptionResponse:
        app_id = checks.app_id(request.app_id)
        subscription_id = checks.text("subscription_id", request.subscription_id)
        found = await self._enroller.find(app_id, subscription_id)
        return pb.GetSubscriptionResponse(subscription=wire.render_subscription(found))

    async def DeleteSubscription(
        self, request: pb.DeleteSubscriptionRequest, _context: Context
    ) -> pb.DeleteSubscriptionResponse:
        app_id = checks.app_id(request.app_id)
        subscription_id = checks.text("subscription_id", request.subscription_id)
        await self._enroller.end(app_id, subscription_id)
        return pb.DeleteSubscriptionResponse()

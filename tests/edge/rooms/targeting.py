"""Targeting in memory."""

from hashlib import blake2b
from typing import Any

from carillon.registry.v1.device_pb2 import Device
from carillon.targeting.v1 import subscription_service_pb2 as pb
from carillon.targeting.v1 import subscription_service_pb2_grpc as rpc
from carillon.targeting.v1 import tag_service_pb2 as tag_pb
from carillon.targeting.v1 import tag_service_pb2_grpc as tag_rpc
from carillon.targeting.v1.subscription_pb2 import Subscription
from carillon.targeting.v1.tag_pb2 import Tag
from services.kit.faults import Code, FieldInvalid
from tests.edge.rooms.registry import Registry
from tests.edge.rooms.rules import Mood, check_text, fault, noon, turn_page

tag_not_found = fault(Code.NOT_FOUND, "TAG_NOT_FOUND")
tag_exists = fault(Code.ALREADY_EXISTS, "TAG_EXISTS")
subscription_not_found = fault(Code.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND")
device_not_found = fault(Code.NOT_FOUND, "DEVICE_NOT_FOUND")

BROADCAST = "Push.ALL"


class Targeting(Mood):
    """What the two servicers share. Devices are looked up in `registry`."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self.registry = registry
        self.tags: dict[tuple[str, str], Tag] = {}
        self.subscriptions: set[tuple[str, str, str]] = set()
        self.opt_outs: set[tuple[str, str]] = set()

    def add_to(self, server: Any) -> None:
        tag_rpc.add_TagServiceServicer_to_server(Tags(self), server)
        rpc.add_SubscriptionServiceServicer_to_server(Subscriptions(self), server)

    def tag(self, app_id: str, name: str) -> Tag:
        if (app_id, name) not in self.tags:
            raise tag_not_found(tag_name=name)
        return self.tags[app_id, name]

    def device(self, app_id: str, device_id: str) -> Device:
        tenant = self.registry.tenants.get(app_id)
        if tenant is None or device_id not in tenant.devices:
            raise device_not_found(device_id=device_id)
        return tenant.devices[device_id]

    def describe(self, app_id: str, device_id: str, name: str) -> Subscription:
        device = self.device(app_id, device_id)
        digest = blake2b(f"{app_id}/{device.uid}/{name}".encode(), digest_size=16)
        return Subscription(
            subscription_id=digest.hexdigest(),
            device_id=device_id,
            uid=device.uid,
            tag_name=name,
            user_id=device.user_id,
        )


class Tags(tag_rpc.TagServiceServicer):
    def __init__(self, targeting: Targeting) -> None:
        self._targeting = targeting

    async def CreateTag(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("CreateTag")
        check_text("tag.name", request.tag.name, 254)
        check_text("tag.description", request.tag.description, 1024, least=0)
        key = (request.app_id, request.tag.name)
        if key in self._targeting.tags or request.tag.name == BROADCAST:
            raise tag_exists(tag_name=request.tag.name)
        tag = Tag(
            name=request.tag.name,
            description=request.tag.description,
            create_time=noon(),
            update_time=noon(),
        )
        self._targeting.tags[key] = tag
        return tag_pb.CreateTagResponse(tag=tag)

    async def GetTag(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("GetTag")
        return tag_pb.GetTagResponse(tag=self._targeting.tag(request.app_id, request.name))

    async def ListTags(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("ListTags")
        found = [
            tag
            for (app_id, _), tag in sorted(self._targeting.tags.items())
            if app_id == request.app_id
            and all(_matches(tag, matcher) for matcher in request.matchers)
        ]
        page = turn_page(request, found, [request.app_id, str(request.matchers)])
        answer = tag_pb.ListTagsResponse(
            tags=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=None if request.matchers else len(found),
        )
        if request.count_subscriptions:
            for tag in answer.tags:
                tag.subscription_count = sum(
                    (app_id, name) == (request.app_id, tag.name)
                    for app_id, _, name in self._targeting.subscriptions
                )
        return answer

    async def UpdateTag(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("UpdateTag")
        tag = self._targeting.tag(request.app_id, request.tag.name)
        if list(request.update_mask.paths) != ["description"]:
            raise FieldInvalid("update_mask", "must be description")
        check_text("tag.description", request.tag.description, 1024, least=0)
        tag.description = request.tag.description
        return tag_pb.UpdateTagResponse(tag=tag)

    async def DeleteTag(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("DeleteTag")
        self._targeting.tag(request.app_id, request.name)
        del self._targeting.tags[request.app_id, request.name]
        return tag_pb.DeleteTagResponse()


def _matches(tag: Tag | Subscription, matcher: Any) -> bool:
    text = getattr(tag, matcher.field)
    if matcher.contains:
        return any(value in text for value in matcher.values)
    return text in matcher.values


class Subscriptions(rpc.SubscriptionServiceServicer):
    def __init__(self, targeting: Targeting) -> None:
        self._targeting = targeting

    async def Subscribe(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("Subscribe")
        app_id, device_id = request.app_id, request.device_id
        self._targeting.device(app_id, device_id)
        answer = pb.SubscribeResponse()
        for name in dict.fromkeys(request.tag_names):
            check_text("tag_names", name, 254)
            if name != BROADCAST and (app_id, name) not in self._targeting.tags:
                answer.unknown_tag_names.append(name)
                continue
            stands = self._stands(app_id, device_id, name)
            side = answer.existing if stands else answer.subscribed
            side.append(self._targeting.describe(app_id, device_id, name))
            if name == BROADCAST:
                self._targeting.opt_outs.discard((app_id, device_id))
            else:
                self._targeting.subscriptions.add((app_id, device_id, name))
        return answer

    async def Unsubscribe(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("Unsubscribe")
        app_id, device_id = request.app_id, request.device_id
        self._targeting.device(app_id, device_id)
        answer = pb.UnsubscribeResponse()
        for name in dict.fromkeys(request.tag_names):
            check_text("tag_names", name, 254)
            if name != BROADCAST and (app_id, name) not in self._targeting.tags:
                answer.unknown_tag_names.append(name)
            elif self._stands(app_id, device_id, name):
                answer.unsubscribed_tag_names.append(name)
                self._targeting.subscriptions.discard((app_id, device_id, name))
                if name == BROADCAST:
                    self._targeting.opt_outs.add((app_id, device_id))
            else:
                answer.missing_tag_names.append(name)
        return answer

    def _stands(self, app_id: str, device_id: str, name: str) -> bool:
        if name == BROADCAST:
            return (app_id, device_id) not in self._targeting.opt_outs
        return (app_id, device_id, name) in self._targeting.subscriptions

    async def ListSubscriptions(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("ListSubscriptions")
        if request.HasField("device_id"):
            self._targeting.device(request.app_id, request.device_id)
        found = [
            one
            for one in self._list_all(request)
            if _is_asked_for(
                one, self._targeting.device(request.app_id, one.device_id).platform, request
            )
        ]
        asked = pb.ListSubscriptionsRequest()
        asked.CopyFrom(request)
        for field in ("page_token", "page_size", "skip"):
            asked.ClearField(field)
        page = turn_page(request, found, [str(asked)])
        return pb.ListSubscriptionsResponse(
            subscriptions=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
        )

    async def GetSubscription(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("GetSubscription")
        return pb.GetSubscriptionResponse(subscription=self._find(request))

    async def DeleteSubscription(self, request: Any, _context: Any) -> Any:
        await self._targeting.meet("DeleteSubscription")
        found = self._find(request)
        key = (request.app_id, found.device_id, found.tag_name)
        self._targeting.subscriptions.discard(key)
        return pb.DeleteSubscriptionResponse()

    def _find(self, request: Any) -> Subscription:
        for key in self._targeting.subscriptions:
            found = self._targeting.describe(*key)
            if key[0] == request.app_id and found.subscription_id == request.subscription_id:
                return found
        raise subscription_not_found(subscription_id=request.subscription_id)

    def _list_all(self, request: Any) -> list[Subscription]:
        app_id = request.app_id
        keys = {key for key in self._targeting.subscriptions if key[0] == app_id}
        if request.HasField("device_id") and self._stands(app_id, request.device_id, BROADCAST):
            keys.add((app_id, request.device_id, BROADCAST))
        return [self._targeting.describe(*key) for key in sorted(keys)]


def _is_asked_for(one: Subscription, platform: int, request: Any) -> bool:
    return (
        (not request.HasField("device_id") or one.device_id == request.device_id)
        and (not request.HasField("user_id") or one.user_id == request.user_id)
        and (not request.HasField("tag_name") or one.tag_name == request.tag_name)
        and (not request.platforms or platform in request.platforms)
        and all(_matches(one, matcher) for matcher in request.matchers)
    )

"""What does a request tell the gateway beside the payload?"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.dispatch.domain.content import (
    AndroidOptions,
    AndroidPriority,
    AppleOptions,
    ChromeAppOptions,
    Content,
    Presentation,
    SafariOptions,
    Urgency,
    WebOptions,
)
from services.dispatch.domain.credentials import ApnsCertificate, ApnsCredential, FcmCredential
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.fcm import Fcm
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.verdicts import Refused
from services.dispatch.wire import Request
from services.sandbox.certificates import private_pem
from tests.conftest import NOON
from tests.dispatch.answers import answer
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import a_message, a_recipient, rendered, request_for
from tests.dispatch.scripted import ScriptedWire
from tests.dispatch.test_subscriptions import GOOD, open_gateway
from tests.registry import keys

PAID = Content("Paid")
HOUR = timedelta(hours=1)
NEVER_LATER = {
    Platform.IOS: replace(PAID, apple=AppleOptions(time_to_live=0)),
    Platform.ANDROID: replace(PAID, android=AndroidOptions(time_to_live=0)),
    Platform.WEB_CHROME: replace(PAID, chrome=WebOptions(time_to_live=0)),
    Platform.WEB_FIREFOX: replace(PAID, firefox=WebOptions(time_to_live=0)),
    Platform.WEB_SAFARI: replace(PAID, safari=SafariOptions(web=WebOptions(time_to_live=0))),
    Platform.APPEXT_CHROME: replace(PAID, chrome_app=ChromeAppOptions(time_to_live=0)),
}
FCM_KEY = private_pem(rsa.generate_private_key(65537, 2048)).decode()
TOKEN = {"access_token": "ya29", "expires_in": 3600}


def open_apns(clock: Clock) -> Apns:
    team = ("KEY1234567", "TEAM123456", "com.acme.bank")
    credential = ApnsCredential(1, *team, sandbox=False, private_key=keys.p256())
    return Apns(credential, "https://apns.example", clock)


def open_fcm(clock: Clock) -> Fcm:
    account = {
        "project_id": "acme",
        "client_email": "a@acme.example",
        "private_key": FCM_KEY,
        "token_uri": "https://oauth.example/token",
    }
    credential = FcmCredential(1, json.dumps(account))
    return Fcm(credential, "https://fcm.example", ScriptedWire(answer(200, TOKEN)), clock)


async def ask_for(gateway: Gateway, message: Message, platform: Platform, address: str) -> Request:
    looks = rendered(gateway, message, platform)
    return await request_for(gateway, message, looks, a_recipient(address, platform))


async def by_apns(content: Content, waited: timedelta = timedelta()) -> dict[str, str]:
    """The headers for Apple of a message that waited for so long."""
    clock = Clock()
    message = a_message(content=content, now=clock() - waited)
    request = await ask_for(open_apns(clock), message, Platform.IOS, "ab" * 32)
    return dict(request.all_headers)


async def by_fcm(
    content: Content, platform: Platform = Platform.ANDROID, waited: timedelta = timedelta()
) -> dict[str, Any]:
    """What stands beside the data for Google of a message that waited for so long."""
    clock = Clock()
    message = a_message(content=content, now=clock() - waited)
    request = await ask_for(open_fcm(clock), message, platform, "abc")
    config: dict[str, Any] = json.loads(request.body)["message"]["android"]
    return config


async def by_web_push(
    content: Content,
    platform: Platform = Platform.WEB_CHROME,
    waited: timedelta = timedelta(),
    endpoint: str = GOOD["endpoint"],
) -> dict[str, str]:
    clock = Clock()
    message = a_message(content=content, now=clock() - waited)
    address = json.dumps(GOOD | {"endpoint": endpoint})
    return dict((await ask_for(open_gateway(clock), message, platform, address)).all_headers)


@pytest.mark.parametrize(
    ("options", "push_type", "priority"),
    [
        (AppleOptions(), "alert", "10"),
        (AppleOptions(priority=5), "alert", "5"),
        (AppleOptions(presentation=Presentation.MIXED), "alert", "10"),
        (AppleOptions(presentation=Presentation.SILENT), "background", "5"),
        (AppleOptions(presentation=Presentation.SILENT, priority=10), "background", "5"),
    ],
)
async def test_apple_is_told_of_what_kind_it_is(
    options: AppleOptions, push_type: str, priority: str
) -> None:
    headers = await by_apns(replace(PAID, apple=options))

    assert (headers["apns-push-type"], headers["apns-priority"]) == (push_type, priority)


async def test_apple_is_told_what_it_replaces() -> None:
    headers = await by_apns(replace(PAID, apple=AppleOptions(collapse_id="balance")))

    assert headers["apns-collapse-id"] == "balance"


async def test_apple_is_told_when_it_ends_wherever_it_waited() -> None:
    content = replace(PAID, apple=AppleOptions(time_to_live=7200))
    at_once, later = await by_apns(content), await by_apns(content, waited=HOUR)

    assert int(at_once["apns-expiration"]) - int(later["apns-expiration"]) == 3600
    assert (await by_apns(NEVER_LATER[Platform.IOS]))["apns-expiration"] == "0"


async def test_a_web_site_has_a_topic_of_its_own_and_a_name_for_a_title() -> None:
    clock = Clock()
    site = ApnsCertificate(1, "web.com.acme", False, "chain", "key", website_name="ACME")
    request = await ask_for(
        Apns(site, "https://apns.example", clock),
        a_message(content=PAID),
        Platform.WEB_SAFARI,
        "ab" * 32,
    )
    headers = dict(request.all_headers)

    assert (headers["apns-topic"], headers["apns-push-type"]) == ("web.com.acme", "alert")
    assert json.loads(request.body)["aps"]["alert"]["title"] == "ACME"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (AndroidOptions(), {"priority": "HIGH", "ttl": "2419200s"}),
        (AndroidOptions(priority=AndroidPriority.MIN), {"priority": "NORMAL", "ttl": "2419200s"}),
        (
            AndroidOptions(collapse_key="k", time_to_live=60),
            {"priority": "HIGH", "collapse_key": "k", "ttl": "60s"},
        ),
    ],
)
async def test_google_is_told_how_long_and_how_urgent(
    options: AndroidOptions, told: dict[str, str]
) -> None:
    assert await by_fcm(replace(PAID, android=options)) == told


@pytest.mark.parametrize("platform", [Platform.ANDROID, Platform.APPEXT_CHROME])
async def test_google_is_told_of_the_time_that_is_left(platform: Platform) -> None:
    waited = await by_fcm(PAID, platform, waited=HOUR)

    assert waited["ttl"] == f"{2_419_200 - 3600}s"
    assert (await by_fcm(NEVER_LATER[platform], platform))["ttl"] == "0s"


@pytest.mark.parametrize("platform", [Platform.WEB_CHROME, Platform.WEB_FIREFOX])
async def test_a_push_service_is_told_of_the_time_that_is_left(platform: Platform) -> None:
    assert (await by_web_push(PAID, platform, waited=HOUR))["ttl"] == str(2_419_200 - 3600)
    assert (await by_web_push(NEVER_LATER[platform], platform))["ttl"] == "0"


async def test_apple_takes_no_zero_for_a_browser() -> None:
    content, endpoint = NEVER_LATER[Platform.WEB_SAFARI], "https://web.push.apple.com/x"
    headers = await by_web_push(content, Platform.WEB_SAFARI, endpoint=endpoint)

    assert headers["ttl"] == "1"


async def test_a_push_service_is_told_how_urgent_and_what_it_replaces() -> None:
    options = WebOptions(urgency=Urgency.VERY_LOW, topic="balance")
    asked = await by_web_push(replace(PAID, chrome=options))

    assert (asked["urgency"], asked["topic"]) == ("very-low", "balance")
    assert "urgency" not in await by_web_push(PAID)


@pytest.mark.parametrize(
    ("platform", "content"),
    [
        *[(platform, Content("")) for platform in Platform if "WEB" in platform.name],
        (Platform.APPEXT_CHROME, Content("")),
        *[(p, Content("", dismisses="AbC12dEf")) for p in (Platform.IOS, Platform.WEB_CHROME)],
    ],
)
def test_what_must_show_something_is_not_sent_what_shows_nothing(
    platform: Platform, content: Content
) -> None:
    clock = Clock()
    gateways: dict[Platform, Gateway] = {
        Platform.IOS: open_apns(clock),
        Platform.APPEXT_CHROME: open_fcm(clock),
    }
    gateway = gateways.get(platform) or open_gateway(clock)

    assert gateway.render(a_message(content=content), platform) == Refused("NothingToShow")


def test_times_left_are_never_below_zero_nor_above_what_was_asked() -> None:
    message = a_message(content=replace(PAID, apple=AppleOptions(time_to_live=60)), now=NOON)

    assert message.remaining_seconds(Platform.IOS, NOON - HOUR) == 60
    assert message.remaining_seconds(Platform.IOS, NOON) == 60
    assert message.remaining_seconds(Platform.IOS, NOON + HOUR) == 0

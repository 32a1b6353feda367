"""Is what happens told to webhooks, at least once, whoever fails meanwhile?"""

import asyncio
import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1.webhook_pb2 import WebhookEvent
from services.dispatch.domain.faults import WebhookNotFound
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, Report, Result
from services.dispatch.follower import Follower
from services.dispatch.store import events, news
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from tests.dispatch.clocks import this_second
from tests.dispatch.makers import APP, OTHER_APP
from tests.dispatch.reporting import (
    PATIENCE,
    Reporter,
    sent,
)
from tests.listener import Listener


async def test_what_came_of_a_message_is_told_by_platform(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(f"{listener.url}/hook")

    message = await reporter.record(
        sent(1), sent(2), sent(3, Platform.ANDROID), Result(4, Platform.IOS, Outcome.FAILED, "Bad")
    )
    await reporter.work()

    told = [call.body for call in listener.calls]
    assert {body["type"] for body in told} == {"onNotificationStatusChange"}
    assert {body["applicationId"] for body in told} == {str(APP)}
    assert all(abs(body["eventTimeStamp"] / 1000 - this_second().timestamp()) < 60 for body in told)
    common = {"applicationId": str(APP), "messageId": message.message_id}
    assert sorted((body["entity"] for body in told), key=lambda e: e["deviceIds"]) == [
        common | {"platform": "A", "msgStatus": "SENT", "deviceIds": ["device-1", "device-2"]},
        common | {"platform": "G", "msgStatus": "SENT", "deviceIds": ["device-3"]},
        common
        | {
            "platform": "A",
            "msgStatus": "FAILED",
            "deviceIds": ["device-4"],
            "failureReason": "Bad",
        },
    ]
    assert await reporter.waiting() == 0


async def test_the_words_of_2017_are_told_to_who_asks_for_them(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(
        listener.url,
        WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_SENT,
        WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_FAILED,
    )

    await reporter.record(sent(1), Result(2, Platform.IOS, Outcome.INVALID))
    await reporter.work()

    told = {call.type: call.body["entity"] for call in listener.calls}
    assert told["onNotificationSent"]["msgStatus"] == "dispatched"
    assert told["onNotificationFailure"]["msgStatus"] == "failure"
    assert told["onNotificationFailure"]["failureReason"] == "INVALID"
    assert len(listener.calls) == 2


async def test_a_device_that_saw_a_message_is_told_once(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(listener.url)
    message = await reporter.record()

    for outcome in (Outcome.SEEN, Outcome.SEEN, Outcome.OPEN, Outcome.SEEN):
        await reporter.receiving.record(Report(APP, message.message_id, "device-7", outcome))
        reporter.clock.pass_by(timedelta(seconds=1))
    await reporter.work()

    assert sorted(call.body["entity"]["msgStatus"] for call in listener.calls) == ["OPEN", "SEEN"]


async def test_a_call_is_signed_and_shows_the_credentials_of_its_url(
    reporter: Reporter, listener: Listener
) -> None:
    secret = await reporter.create(listener.url.replace("//", "//user:pass@") + "/hook?a=b")

    await reporter.record(sent(1))
    await reporter.work()

    (call,) = listener.calls
    signed = ".".join((call.headers["webhook-id"], call.headers["webhook-timestamp"], ""))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, signed.encode() + call.raw, hashlib.sha256).digest()
    assert call.path == "/hook?a=b"
    assert call.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert call.headers["authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
    assert call.headers["content-type"] == "application/json"
    assert "user" not in call.headers["host"]


@pytest.mark.parametrize("answer", ["500 Sorry", "404 No", "302 Found\r\nLocation: /other"])
async def test_a_call_that_fails_is_repeated_under_the_same_id(
    reporter: Reporter, listener: Listener, answer: str
) -> None:
    listener.answers["/"] = [answer]
    await reporter.create(f"{listener.url}/")

    await reporter.record(sent(1))
    await reporter.work()
    await reporter.later()
    await reporter.work()

    first, second = listener.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.raw, await reporter.waiting()) == (second.raw, 0)


async def test_who_is_told_when_to_come_back_does_so(
    reporter: Reporter, listener: Listener
) -> None:
    listener.answers["/"] = ["503 Busy\r\nRetry-After: 600"]
    await reporter.create(f"{listener.url}/")

    await reporter.record(sent(1))
    await reporter.work()

    async with reporter.db.connect() as connection:
        pause = sa.text("SELECT extract(epoch FROM wake_time - now()) FROM webhooks")
        assert 500 < (await connection.execute(pause)).scalar_one() <= 600


async def test_a_webhook_that_hangs_delays_nobody_else(
    reporter: Reporter, listener: Listener
) -> None:
    listener.silent.add("/slow")
    await reporter.create(f"{listener.url}/slow", name="slow")
    await reporter.record(sent(1))
    await reporter.announcer.step()
    slow = asyncio.create_task(reporter.caller.step())
    await listener.until(1)

    await reporter.create(f"{listener.url}/quick", name="quick")
    await reporter.record(sent(2), app_id=APP)
    await reporter.announcer.step()
    await reporter.caller.step()

    assert not slow.done()
    assert [call.path for call in listener.calls] == ["/slow", "/quick"]
    await slow
    assert await reporter.waiting() == 2


async def test_a_poisoned_event_lets_the_others_pass(
    reporter: Reporter, listener: Listener
) -> None:
    listener.answers["/"] = ["400 Bad"]
    await reporter.create(f"{listener.url}/")
    await reporter.record(sent(1))
    await reporter.work()

    await reporter.record(sent(2))
    await reporter.announcer.step()
    async with reporter.db.begin() as tx:
        await tx.execute(sa.text("UPDATE webhooks SET wake_time = now()"))
        await tx.execute(
            sa.text("UPDATE webhook_events SET due_time = 'infinity' WHERE attempts = 1")
        )
    await reporter.work()

    assert [call.body["entity"]["deviceIds"] for call in listener.calls] == [
        ["device-1"],
        ["device-2"],
    ]
    assert await reporter.waiting() == 1


async def test_what_cannot_be_told_in_time_is_a_dead_letter_and_can_be_told_again(
    reporter: Reporter, listener: Listener
) -> None:
    listener.answers["/"] = ["500 Sorry"] * 4
    await reporter.create(f"{listener.url}/")
    for uid in (1, 2, 3):
        await reporter.record(sent(uid))
        await reporter.announcer.step()
    await reporter.caller.step()

    reporter.clock.pass_by(PATIENCE)
    await reporter.later()
    await reporter.work()

    letters = await reporter.dead()
    assert len(letters) == 3
    assert {letter.reason for letter in letters} <= {"500"}
    assert await reporter.replay(letters[1].event_id) == 1
    await reporter.work()
    assert listener.calls[-1].headers["webhook-id"] == letters[1].event_id
    assert await reporter.replay() == 2
    await reporter.work()
    assert (await reporter.dead(), await reporter.waiting()) == ([], 0)


async def test_who_is_gone_is_not_asked_again(reporter: Reporter, listener: Listener) -> None:
    listener.answers["/"] = ["410 Gone"]
    await reporter.create(f"{listener.url}/")

    await reporter.record(sent(1))
    await reporter.work()

    (letter,) = await reporter.dead()
    assert (letter.reason, letter.attempts) == ("410", 1)


async def test_dead_letters_are_forgotten_in_time(reporter: Reporter, listener: Listener) -> None:
    listener.answers["/"] = ["410 Gone"]
    await reporter.create(f"{listener.url}/")
    await reporter.record(sent(1))
    await reporter.work()

    reporter.clock.pass_by(events.KEEP_DEAD)
    async with reporter.db.begin() as tx:
        assert await events.forget_dead(tx, reporter.clock(), 100) == 1

    assert await reporter.dead() == []


async def test_nothing_is_noted_where_nobody_listens(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(listener.url, WebhookEvent.WEBHOOK_EVENT_SUBSCRIBED)
    await reporter.create(listener.url, app_id=OTHER_APP)

    await reporter.record(sent(1))

    async with reporter.db.begin() as tx:
        assert await news.take(tx, 10) == []


async def test_what_was_withdrawn_is_no_news(reporter: Reporter, listener: Listener) -> None:
    await reporter.create(listener.url)

    await reporter.record(
        Result(1, Platform.IOS, Outcome.WITHDRAWN), Result(2, Platform.IOS, Outcome.CANCELLED)
    )
    await reporter.work()

    assert listener.calls == []


async def test_news_wait_for_registry(reporter: Reporter, listener: Listener) -> None:
    await reporter.create(listener.url)
    await reporter.record(sent(1))
    reporter.registry.away = True

    assert not await reporter.announcer.step()

    reporter.registry.away = False
    await reporter.work()
    assert len(listener.calls) == 1


async def test_a_caller_that_vanishes_loses_nothing(reporter: Reporter, listener: Listener) -> None:
    """Its lease runs out; what it had told without writing it down is told again."""
    listener.silent.add("/")
    await reporter.create(f"{listener.url}/")
    await reporter.record(sent(1))
    await reporter.announcer.step()
    vanishing = asyncio.create_task(reporter.caller._take())
    assert await vanishing is not None

    assert not await reporter.caller.step()
    listener.silent.clear()
    await reporter.later()
    await reporter.work()

    assert (len(listener.calls), await reporter.waiting()) == (1, 0)


async def test_a_caller_that_lost_its_lease_writes_nothing(
    reporter: Reporter, listener: Listener
) -> None:
    listener.silent.add("/")
    await reporter.create(f"{listener.url}/")
    await reporter.record(sent(1))
    await reporter.announcer.step()
    late = asyncio.create_task(reporter.caller.step())
    await listener.until(1)

    listener.silent.clear()
    await reporter.later()
    await reporter.record(sent(2))
    await reporter.work()
    await late

    assert (len(listener.calls), await reporter.waiting(), await reporter.dead()) == (3, 0, [])


async def test_a_caller_that_is_ended_gives_its_webhook_back(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(f"{listener.url}/")
    await reporter.record(sent(1))
    await reporter.announcer.step()
    listener.silent.add("/")
    ending = asyncio.create_task(reporter.caller.step())
    await listener.until(1)

    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending

    async with reporter.db.connect() as connection:
        asleep = sa.text("SELECT wake_time <= now() FROM webhooks")
        assert (await connection.execute(asleep)).scalar_one()
    assert await reporter.waiting() == 1


async def test_no_call_goes_inside(dispatch_db: AsyncEngine, listener: Listener) -> None:
    """The name was fine when the webhook was made, and leads inside now."""
    wire = PooledWire(EgressGuard.allowing([]))
    reporter = Reporter(dispatch_db, wire)
    await reporter.create(listener.url.replace("http:", "https:"))

    await reporter.record(sent(1))
    await reporter.work()
    await wire.close()

    async with dispatch_db.connect() as connection:
        reason = await connection.execute(sa.text("SELECT reason FROM webhook_events"))
        assert reason.scalar_one() == "Forbidden"
    assert listener.calls == []


async def test_an_application_takes_its_webhooks_along(
    reporter: Reporter, listener: Listener
) -> None:
    await reporter.create(listener.url)
    await reporter.record(sent(1))
    await reporter.announcer.step()

    await Follower(reporter.db, reporter.registry, reporter.clock).step()
    await reporter.work()

    assert (listener.calls, await reporter.waiting()) == ([], 0)
    with pytest.raises(WebhookNotFound):
        await reporter.dead()

"""How are webhooks kept, and what of them is shown?"""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import webhook_service_pb2 as pb
from carillon.dispatch.v1.webhook_pb2 import (
    WEBHOOK_EVENT_DEVICE_REGISTERED,
    WEBHOOK_EVENT_NOTIFICATION_STATUS,
    WEBHOOK_EVENT_UNSPECIFIED,
    Webhook,
)
from services.dispatch.api.webhook_service import WebhookServicer
from services.dispatch.domain.faults import WebhookExists, WebhookNotFound
from services.dispatch.domain.webhooks import (
    LONGEST_PAUSE_SECONDS,
    OVERLAP,
    Keyring,
    SigningSecret,
    longest_pause,
    new_secret,
    sign,
    split_url,
)
from services.kit.egress import EgressGuard
from services.kit.faults import FieldInvalid
from services.kit.vault import Vault, VaultKeyMissing
from tests.conftest import NOON
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import APP, OTHER_APP

NOBODY = cast("Any", None)
URL = "https://user:pa%3Ass@198.51.100.7:8443/hook?x=1"
SHOWN = "https://user:***@198.51.100.7:8443/hook?x=1"
HOOK = Webhook(name="crm", url=URL, events=[WEBHOOK_EVENT_NOTIFICATION_STATUS], annotation='"*"')


class Desk:
    """Webhooks as callers keep them. Documentation's addresses stand for the outside world."""

    def __init__(self, db: AsyncEngine) -> None:
        self.clock = Clock()
        self.db = db
        self.service = WebhookServicer(
            db,
            Vault({"k1": bytes(32)}),
            EgressGuard.allowing(["198.51.100.0/24"]),
            self.clock,
            sources=[],
            patience=timedelta(days=1),
            ring_outbox=lambda: None,
        )

    async def create(self, app_id: UUID = APP, **changes: Any) -> pb.CreateWebhookResponse:
        asked = Webhook(**{field.name: value for field, value in HOOK.ListFields()} | changes)
        request = pb.CreateWebhookRequest(app_id=str(app_id), webhook=asked)
        return await self.service.CreateWebhook(request, NOBODY)

    async def read(self, name: str = "crm", app_id: UUID = APP) -> Webhook:
        request = pb.GetWebhookRequest(app_id=str(app_id), name=name)
        return (await self.service.GetWebhook(request, NOBODY)).webhook

    async def replace(self, **changes: Any) -> Webhook:
        asked = Webhook(**{field.name: value for field, value in HOOK.ListFields()} | changes)
        request = pb.UpdateWebhookRequest(app_id=str(APP), webhook=asked)
        return (await self.service.UpdateWebhook(request, NOBODY)).webhook

    async def delete(self, name: str = "crm") -> None:
        request = pb.DeleteWebhookRequest(app_id=str(APP), name=name)
        await self.service.DeleteWebhook(request, NOBODY)

    async def user_info(self) -> str:
        async with self.db.connect() as connection:
            found = await self.service._find(connection, str(APP), "crm")
        return found.keyring.user_info


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> Desk:
    return Desk(dispatch_db)


async def test_a_password_is_not_shown_and_not_lost(desk: Desk) -> None:
    created = await desk.create()

    read = await desk.read()
    replaced = await desk.replace(url=read.url, annotation="")

    assert created.webhook.url == read.url == replaced.url == SHOWN
    assert (read.annotation, list(read.events)) == ('"*"', [WEBHOOK_EVENT_NOTIFICATION_STATUS])
    assert await desk.user_info() == "user:pa:ss"
    await desk.replace(url="https://198.51.100.7/")
    assert await desk.user_info() == ""


async def test_nothing_secret_rests_in_the_clear(desk: Desk) -> None:
    created = await desk.create()

    async with desk.db.connect() as connection:
        (row,) = (await connection.execute(sa.text("SELECT webhooks::text FROM webhooks"))).all()
    assert "pa" not in row[0]
    assert created.secret not in row[0]
    assert created.secret.startswith("whsec_")


async def test_names_are_taken_within_their_application(desk: Desk) -> None:
    await desk.create()
    await desk.create(OTHER_APP)

    with pytest.raises(WebhookExists):
        await desk.create()
    await desk.delete()
    for attempt in (desk.read(), desk.delete(), desk.replace()):
        with pytest.raises(WebhookNotFound):
            await attempt
    assert (await desk.read(app_id=OTHER_APP)).name == "crm"


async def test_an_application_has_twenty_at_most(desk: Desk) -> None:
    for number in range(20):
        await desk.create(name=f"hook-{number:02}")

    with pytest.raises(FieldInvalid, match="at most 20"):
        await desk.create(name="another")
    page = pb.ListWebhooksRequest(app_id=str(APP), page_size=15)
    first = await desk.service.ListWebhooks(page, NOBODY)
    page.page_token = first.next_page_token
    rest = await desk.service.ListWebhooks(page, NOBODY)
    names = [one.name for one in (*first.webhooks, *rest.webhooks)]
    assert names == [f"hook-{number:02}" for number in range(20)]
    assert (first.total_size, rest.next_page_token) == (20, "")
    page.page_token = rest.previous_page_token
    assert await desk.service.ListWebhooks(page, NOBODY) == first


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 255}, "name"),
        ({"name": "\0"}, "name"),
        ({"events": []}, "events"),
        ({"events": [WEBHOOK_EVENT_UNSPECIFIED]}, "events"),
        ({"events": [99]}, "events"),
        ({"annotation": "x" * 4097}, "annotation"),
        *(
            ({"url": url}, "url")
            for url in (
                "",
                "crm",
                "ftp://198.51.100.7/",
                "http://203.0.114.9/",
                "https:///hook",
                "https://[::1/",
                "https://198.51.100.7/#part",
                "https://198.51.100.7/a b",
                "https://198.51.100.7:99999/",
                "https://ü.example/",
                "https://user:a%0d%0ab@198.51.100.7/",
                "https://127.0.0.1/",
                "https://localhost/",
                "https://2130706433/",
                "https://0x7f.1/",
                "https://10.0.0.8/",
                "https://169.254.169.254/latest",
                "https://[::ffff:127.0.0.1]/",
                "https://[fd00::1]/",
                "https://198.51.100.7/" + "x" * 2048,
            )
        ),
    ],
)
async def test_a_wrong_field_is_named(desk: Desk, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FieldInvalid, match=rf"webhook\.{named}"):
        await desk.create(**changes)

    with pytest.raises(WebhookNotFound):
        await desk.read()


async def test_a_new_secret_comes_beside_the_old_one(desk: Desk) -> None:
    first = (await desk.create(events=[WEBHOOK_EVENT_DEVICE_REGISTERED])).secret
    rotation = pb.RotateWebhookSecretRequest(app_id=str(APP), name="crm")

    second = (await desk.service.RotateWebhookSecret(rotation, NOBODY)).secret

    async with desk.db.connect() as connection:
        keyring = (await desk.service._find(connection, str(APP), "crm")).keyring
    assert keyring.valid(NOON) == [second, first]
    assert keyring.valid(NOON + OVERLAP) == [second]
    assert first != second
    third = keyring.rotated(new_secret(), NOON)
    assert first not in third.valid(NOON)


@given(some.binary(), some.text(min_size=1), some.integers(0, 2**40))
def test_a_receiver_can_check_each_signature(body: bytes, event_id: str, timestamp: int) -> None:
    old, new = new_secret(), new_secret()

    signatures = sign([new, old], event_id, timestamp, body).split(" ")

    for secret, signature in zip((new, old), signatures, strict=True):
        key = base64.b64decode(secret.partition("_")[2])
        signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
        expected = hmac.new(key, signed, hashlib.sha256).digest()
        assert signature == "v1," + base64.b64encode(expected).decode()


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'

    signature = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a/b", ("https://a/b", "")),
        ("https://u:p@a:1/b?c", ("https://a:1/b?c", "u:p")),
        ("https://u%40x:p%2F@a", ("https://a", "u@x:p/")),
        ("https://u:p@q@a", ("https://a", "u:p@q")),
        ("https://token@a", ("https://a", "token")),
    ],
)
def test_an_url_comes_apart(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts


def test_pauses_grow_and_end() -> None:
    pauses = [longest_pause(failures) for failures in range(1, 40)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2.0, LONGEST_PAUSE_SECONDS)


def test_a_vault_opens_only_what_belongs_there() -> None:
    keyring = Keyring("u:p", (SigningSecret("s"),))
    vault = Vault({"k2": b"2" * 32, "k1": b"1" * 32})
    sealed = Vault({"k1": b"1" * 32}).seal(b"plain", APP, "kind")

    assert vault.unseal(sealed, APP, "kind") == b"plain"
    assert vault.seal(b"plain", APP, "kind").key_id == "k2"
    with pytest.raises(VaultKeyMissing):
        vault.unseal(replace(sealed, key_id="k3"), APP, "kind")
    assert "u:p" not in repr(keyring)

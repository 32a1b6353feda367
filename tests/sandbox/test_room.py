"""Does an independent sender get through, and does a person see what it sent?"""

import asyncio
import base64
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.sandbox.senders import AppServer
from tests.sandbox.stage import ALERT, Stage

FCM = {"gateway": "fcm"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_apns_notification_arrives(stage: Stage) -> None:
    address = await stage.fresh("apns")
    answered = await stage.send_apns(address)
    arrived = await stage.newest(address=address.upper())

    assert (answered.status_code, answered.http_version) == (200, "HTTP/2")
    assert answered.headers["apns-id"]
    assert (arrived["gateway"], arrived["address"], arrived["status"]) == ("apns", address, 200)
    assert arrived["payload"] == ALERT
    assert "authorization" not in arrived["headers"]


@pytest.mark.parametrize("named", ["apnsCertificate", "safari"])
async def test_a_certificate_that_nobody_has_signed_gets_through(
    stage: Stage, named: str, tmp_path: Path
) -> None:
    given = stage.sandbox.credentials[named]
    topic = given.get("bundleId") or given["websitePushID"]
    pem = tmp_path / "client.pem"
    opened = pkcs12.load_pkcs12(base64.b64decode(given["certificate"]), given["password"].encode())
    assert opened.cert is not None
    assert isinstance(opened.key, rsa.RSAPrivateKey)
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    leaf = opened.cert.certificate.public_bytes(Encoding.PEM)
    pem.write_bytes(leaf + opened.key.private_bytes(*form))
    tls = ssl.create_default_context(cafile=stage.sandbox.ca_file)
    tls.load_cert_chain(pem)

    async with httpx.AsyncClient(http1=False, http2=True, verify=tls) as client:
        answered = await client.post(
            f"{stage.sandbox.gateway_url}/3/device/{'ab' * 32}",
            json=ALERT,
            headers={"apns-topic": topic, "apns-push-type": "alert"},
        )

    assert (answered.status_code, answered.text) == (200, "")


async def test_an_fcm_notification_arrives_with_a_token_from_the_endpoint(stage: Stage) -> None:
    address = await stage.fresh("fcm")
    answered = await stage.send_fcm(address)
    arrived = await stage.newest(gateway="fcm")

    assert answered.json()["name"].startswith("projects/")
    assert (arrived["address"], arrived["payload"]["data"]["alert"]) == (address, "Paid")


async def test_a_web_push_arrives_decrypted(stage: Stage) -> None:
    server = AppServer()
    subscription = await stage.subscribe(applicationServerKey=server.public_key)
    answered = await stage.send_webpush(subscription, server)
    arrived = await stage.newest(address=subscription["token"])

    assert answered.status_code == 201
    assert arrived["address"] == subscription["id"]
    assert arrived["payload"] == {"alert": "Paid"}


async def test_a_web_push_with_another_servers_key_is_forbidden(stage: Stage) -> None:
    subscription = await stage.subscribe(applicationServerKey=AppServer().public_key)

    assert (await stage.send_webpush(subscription, AppServer())).status_code == 403


async def test_a_browser_that_unsubscribed_is_gone(stage: Stage) -> None:
    subscription = await stage.subscribe()
    await stage.api.delete(f"/api/subscriptions/{subscription['id']}")

    assert (await stage.send_webpush(subscription)).status_code == 410


async def test_a_rehearsal_is_answered_but_does_not_arrive(stage: Stage) -> None:
    before = stage.sandbox.arrivals.last_id
    answered = await stage.send_fcm(await stage.fresh("fcm"), validateOnly=True)

    assert answered.status_code == 200
    assert stage.sandbox.arrivals.last_id == before


async def test_what_was_refused_is_shown_with_its_reason(stage: Stage) -> None:
    await stage.send_apns("ab" * 32, **{"apns-topic": "com other"})
    arrived = await stage.newest()

    assert (arrived["status"], arrived["reason"]) == (400, "BadTopic")
    assert arrived["payload"] == ALERT


@pytest.mark.parametrize(
    ("behaviour", "apns", "fcm", "webpush"),
    [
        ("dead", 410, 404, 410),
        ("expired", 410, 404, 404),
        ("throttled", 429, 429, 429),
        ("error", 500, 503, 503),
        ("unauthorized", 403, 403, 401),
    ],
)
async def test_an_address_can_ask_for_a_fault_by_its_name(
    stage: Stage,
    behaviour: str,
    apns: int,
    fcm: int,
    webpush: int,
) -> None:
    iphone = await stage.fresh("apns", behaviour)
    android = await stage.fresh("fcm", behaviour)
    browser = await stage.subscribe(behaviour=behaviour)
    answered = [
        await stage.send_apns(iphone),
        await stage.send_fcm(android),
        await stage.send_webpush(browser),
    ]

    assert [response.status_code for response in answered] == [apns, fcm, webpush]
    if behaviour == "throttled":
        assert {response.headers["retry-after"] for response in answered} == {"2"}


async def test_a_fault_can_be_ordered_a_number_of_times(stage: Stage) -> None:
    address = await stage.fresh("apns")
    await stage.order(address=address, behaviour="throttled", times=2, retry_after=7)
    answered = [await stage.send_apns(address) for _ in range(3)]

    assert [response.status_code for response in answered] == [429, 429, 200]
    assert answered[0].headers["retry-after"] == "7"


async def test_a_fault_can_be_ordered_for_a_gateway_and_taken_back(stage: Stage) -> None:
    await stage.order(gateway="apns", behaviour="dead", since=1_700_000_000)
    listed = (await stage.api.get("/api/behaviours")).json()["behaviours"]
    dead = await stage.send_apns("ab" * 32)
    (await stage.api.delete("/api/behaviours")).raise_for_status()
    alive = await stage.send_apns("ab" * 32)

    assert [rule["gateway"] for rule in listed] == ["apns"]
    assert dead.json() == {"reason": "Unregistered", "timestamp": 1_700_000_000_000}
    assert alive.status_code == 200


async def test_the_token_endpoint_can_fail_too(stage: Stage) -> None:
    await stage.order(gateway="oauth", behaviour="error", times=1)
    failed, given = await stage.ask_access(), await stage.ask_access()

    assert failed.status_code == 503
    assert given.json()["access_token"].startswith("ya29.")


async def test_a_slow_answer_comes_late_though_the_notification_arrived(stage: Stage) -> None:
    address = await stage.fresh("apns")
    await stage.order(address=address, behaviour="slow", delay=600)
    sending = asyncio.create_task(stage.send_apns(address))
    arrived = await stage.newest(address=address, wait=10)

    assert arrived["status"] == 200
    assert not sending.done()
    sending.cancel()


async def test_a_reset_drops_the_connection_after_the_request_was_read(stage: Stage) -> None:
    address = await stage.fresh("apns", "reset")
    with pytest.raises(httpx.TransportError):
        await stage.send_apns(address)
    arrived = await stage.newest(address=address)

    assert (arrived["status"], arrived["reason"]) == (0, "reset")
    assert (await stage.send_apns("ab" * 32)).status_code == 200


async def test_a_goaway_refuses_the_request_unprocessed(stage: Stage) -> None:
    await stage.send_apns("ab" * 32)
    before = stage.sandbox.arrivals.last_id
    await stage.order(gateway="apns", behaviour="goaway", times=1)
    # The client sees that nothing was processed, and asks again on a new connection by itself.
    answered = await stage.send_apns("ab" * 32)

    assert answered.status_code == 200
    assert stage.sandbox.arrivals.last_id == before + 1


async def test_one_can_wait_for_a_notification(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.newest(address="cd" * 32, after=0, wait=10))
    await stage.send_apns("ab" * 32)
    await stage.send_apns("cd" * 32)

    assert (await waiting)["address"] == "cd" * 32


async def test_the_list_is_newest_first_counted_and_cleared(stage: Stage) -> None:
    for address in ("ab" * 32, "cd" * 32, "deaddead" * 8):
        await stage.send_apns(address)
    listed = (await stage.api.get("/api/notifications", params={"limit": 2})).json()
    await stage.api.delete("/api/notifications")
    cleared = (await stage.api.get("/api/notifications")).json()

    last = listed["last_id"]
    assert [each["id"] for each in listed["notifications"]] == [last, last - 1]
    assert listed["counts"] == {"apns": {"200": 2, "410": 1}}
    assert cleared == {"notifications": [], "last_id": last, "counts": {}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/notifications?limit=x", None, 400),
        ("GET", "/api/notifications?wait=31", None, 400),
        ("GET", "/api/notifications?wait=nan", None, 400),
        ("GET", "/api/notifications?gateway=wns", None, 400),
        ("PUT", "/api/behaviours", {"behaviour": "dead"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "dead", "gateway": "wns"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "odd", "gateway": "fcm"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "dead", "gateway": "fcm", "address": "x"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "dead", "gateway": "fcm", "times": 0}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "slow", "gateway": "fcm", "delay": -1}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "error", "gateway": "fcm", "status": 200}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "error", "gateway": "fcm", "status": 404}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "dead", "gateway": "fcm", "reason": "X"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "error", "gateway": "fcm", "reason": "<"}, 400),
        ("PUT", "/api/behaviours", {"behaviour": "ok", "gateway": "fcm", "extra": 1}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "error", "html": True, "reason": "X"}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "dead", "html": True}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "dead", "quota": "device"}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "throttled", "quota": "mine"}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "dead", "settings": {}}, 400),
        ("PUT", "/api/behaviours", FCM | {"behaviour": "settings", "settings": {"x": 1}}, 400),
        (
            "PUT",
            "/api/behaviours",
            FCM | {"behaviour": "settings", "settings": {"max_frame_size": 1}},
            400,
        ),
        ("PUT", "/api/protocols", {"protocols": []}, 400),
        ("PUT", "/api/protocols", {"protocols": ["h3"]}, 400),
        ("PUT", "/api/protocols", {"protocols": ["h2", "h2"]}, 400),
        ("POST", "/api/tokens", {"gateway": "webpush"}, 400),
        ("POST", "/api/tokens", {"gateway": "x" * 70_000}, 413),
        ("POST", "/api/subscriptions", {"applicationServerKey": "AAAA"}, 400),
        ("DELETE", "/api/subscriptions/nobody", None, 404),
        ("GET", "/api/nothing", None, 404),
        ("POST", "/api/credentials", None, 405),
    ],
)
async def test_a_bad_call_gets_its_status_and_a_sentence(
    stage: Stage, method: str, path: str, body: object, status: int
) -> None:
    answered = await stage.api.request(method, path, json=body)

    assert answered.status_code == status
    assert answered.json()["error"]


async def test_a_body_that_is_no_json_is_refused(stage: Stage) -> None:
    assert (await stage.api.put("/api/behaviours", content=b"\xff{")).status_code == 400


async def test_the_credentials_are_whole(stage: Stage) -> None:
    told = (await stage.api.get("/api/credentials")).json()

    assert told == dict(stage.sandbox.credentials)
    assert told["fcm"]["serviceAccount"]["token_uri"] == f"{stage.sandbox.gateway_url}/token"
    assert told["apns"]["isSandBox"] is True


async def test_it_is_healthy_while_both_listeners_answer(stage: Stage) -> None:
    assert (await stage.api.get("/health")).status_code == 200


async def test_the_page_runs_no_script_but_its_own(stage: Stage) -> None:
    first, second = await stage.api.get("/"), await stage.api.get("/")
    policy = first.headers["content-security-policy"]
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]

    assert f'<script nonce="{nonce}">' in first.text
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert first.text != second.text
    assert "innerHTML" not in first.text


async def test_an_unknown_path_of_the_gateway_is_not_found(stage: Stage) -> None:
    assert (await stage.gateway.get("/")).status_code == 404

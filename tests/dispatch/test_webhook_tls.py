"""Is a webhook behind TLS told, whatever protocol it speaks, and only if it is who it says?"""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.store import days
from services.dispatch.wire.pooled import PooledWire
from services.sandbox import certificates, exchange
from services.sandbox.certificates import Certificates
from tests.dispatch.clocks import this_second
from tests.dispatch.reporting import GUARD, Reporter, sent
from tests.dispatch.wire.servers import PlainServer, http2_server
from tests.dispatch.wire.test_seam import plain_context

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
Told = list[tuple[dict[str, str], bytes]]


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.obtain(tmp_path_factory.mktemp("tls"), "localhost", datetime.now(UTC))


@asynccontextmanager
async def working(db: AsyncEngine, ca_file: Path | None) -> AsyncIterator[Reporter]:
    wire = PooledWire(GUARD, ca_file)
    async with db.begin() as tx:
        await days.open_days(tx, this_second().date() - timedelta(days=1), 3)
    yield Reporter(db, wire)
    await wire.close()


@asynccontextmanager
async def hearing(protocol: str, issued: Certificates, told: Told) -> AsyncIterator[str]:
    """A server that speaks this protocol alone, and keeps what it is told."""
    if protocol == "h2":

        async def answer(request: exchange.Request) -> exchange.Answer:
            told.append(({name: each[0] for name, each in request.headers.items()}, request.body))
            return exchange.Response(204)

        async with http2_server(answer, issued.server_context()) as url:
            yield url
        return
    server = PlainServer(DONE)
    async with server.serving(plain_context(issued)) as url:
        yield url
    for asked in server.asked:
        head, _, body = asked.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
        told.append(({name: value for name, _, value in lines}, body))


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
async def test_it_is_told_by_what_it_speaks_and_can_check_who_tells_it(
    dispatch_db: AsyncEngine, issued: Certificates, protocol: str
) -> None:
    told: Told = []
    async with (
        working(dispatch_db, issued.ca_file) as reporter,
        hearing(protocol, issued, told) as url,
    ):
        secret = await reporter.create(f"{url}/hook")
        message = await reporter.record(sent(1), sent(2))
        await reporter.work()
        left = await reporter.waiting()
    [(headers, body)] = told
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()

    assert left == 0
    assert message.message_id.encode() in body
    assert headers["webhook-signature"] == f"v1,{signature}"


async def test_a_stranger_is_told_nothing_and_the_event_waits(
    dispatch_db: AsyncEngine, issued: Certificates
) -> None:
    told: Told = []
    async with working(dispatch_db, None) as reporter, hearing("h2", issued, told) as url:
        await reporter.create(f"{url}/hook")
        await reporter.record(sent(1))
        await reporter.work()
        left = await reporter.waiting()

    assert (told, left) == ([], 1)

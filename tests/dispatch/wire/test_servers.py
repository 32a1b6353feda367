"""Do the servers of others understand us: nginx, nghttpd, Node?"""

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import randrange

import pytest

from services.dispatch.wire import Answer, Request, Unsent
from services.dispatch.wire.origin import Limits
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.sandbox import certificates
from services.sandbox.certificates import Certificates

START_SECONDS = 30
MANY = 1500
NODE = """
const http2 = require('http2'), fs = require('fs')
const server = http2.createSecureServer({
  key: fs.readFileSync(process.argv[2]), cert: fs.readFileSync(process.argv[3]),
  settings: {maxConcurrentStreams: 50, initialWindowSize: 1000, headerTableSize: 0},
})
let count = 0
server.on('stream', (stream, headers) => {
  if (++count % 400 === 0) stream.session.goaway(0, stream.id)
  let size = 0
  stream.on('data', piece => { size += piece.length })
  stream.on('end', () => {
    stream.respond({':status': 200, 'x-path': headers[':path'], 'x-size': size})
    stream.end('x')
  })
  stream.on('error', () => {})
})
server.on('sessionError', () => {})
server.listen(Number(process.argv[4]), '127.0.0.1')
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  ssl_certificate {certificate}; ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{port} ssl http2; keepalive_requests 100; http2_max_concurrent_streams 20;
    location / {{ add_header x-path $uri; add_header x-size $content_length; return 200; }}
  }}
}}
"""


def needs(command: str) -> None:
    if shutil.which(command, path="/usr/local/bin:/usr/bin:/usr/sbin:/bin") is None:
        pytest.skip(f"{command} is not installed here, so nobody knows whether it understands us.")


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.obtain(tmp_path_factory.mktemp("tls"), "localhost", datetime.now(UTC))


@pytest.fixture
def port() -> int:
    """One that is free, and from where no other test's sockets take theirs by themselves."""
    while True:
        number = randrange(20_000, 30_000)  # noqa: S311  guards nothing
        with suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number


@asynccontextmanager
async def running(
    issued: Certificates, port: int, *command: str, offer: str = "h2"
) -> AsyncIterator[str]:
    tls = issued.client_context()
    tls.set_alpn_protocols([offer])
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await reachable(tls, port)
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        await process.wait()


async def reachable(tls: ssl.SSLContext, port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=tls, server_hostname="localhost"
                )
                writer.transport.abort()
                return
            await asyncio.sleep(0.02)


async def ask_many(issued: Certificates, url: str, sizes: list[int]) -> list[Answer]:
    wire = PooledWire(
        EgressGuard.allowing(("localhost",)), issued.ca_file, Limits(max_connections=2)
    )
    requests = [
        Request.to(f"{url}/{n}", (("x-a", "b" * 40),), bytes(size), http2_only=True)
        for n, size in enumerate(sizes)
    ]
    try:
        return await asyncio.gather(*(wire.post(each) for each in requests))
    finally:
        await wire.close()


async def test_nginx_that_leaves_every_hundred_requests(
    issued: Certificates, port: int, tmp_path: Path
) -> None:
    needs("nginx")
    file = tmp_path / "nginx.conf"
    file.write_text(
        NGINX.format(
            folder=tmp_path, port=port, certificate=issued.server_file, key=issued.server_key_file
        )
    )
    async with running(issued, port, "/usr/sbin/nginx", "-c", str(file)) as url:
        answers = await ask_many(issued, url, [900] * MANY)

    assert [answer.headers["x-path"] for answer in answers] == [f"/{n}" for n in range(MANY)]
    assert {answer.status for answer in answers} == {200}


async def test_nginx_that_leaves_after_every_request(
    issued: Certificates, port: int, tmp_path: Path
) -> None:
    """Whoever it did not take is sent anew some times, and then known not to have been sent."""
    needs("nginx")
    file = tmp_path / "nginx.conf"
    told = NGINX.format(
        folder=tmp_path, port=port, certificate=issued.server_file, key=issued.server_key_file
    )
    file.write_text(told.replace("keepalive_requests 100;", "keepalive_requests 1;"))
    async with running(issued, port, "/usr/sbin/nginx", "-c", str(file)) as url:
        alone = [(await ask_many(issued, url, [900]))[0].status for _ in range(10)]
        guard = EgressGuard.allowing(("localhost",))
        wire = PooledWire(guard, issued.ca_file, Limits(max_connections=2))
        requests = [Request.to(f"{url}/{n}", (), b"x", http2_only=True) for n in range(60)]
        try:
            ended = await asyncio.gather(*map(wire.post, requests), return_exceptions=True)
        finally:
            await wire.close()

    assert alone == [200] * 10
    assert any(isinstance(each, Answer) for each in ended)
    assert all(isinstance(each, Answer | Unsent) for each in ended)


async def test_node_that_has_small_windows_no_table_and_leaves(
    issued: Certificates, port: int, tmp_path: Path
) -> None:
    needs("node")
    file = tmp_path / "server.js"
    file.write_text(NODE)
    keys = str(issued.server_key_file), str(issued.server_file)
    sizes = [100_000, *([900] * 200), 0, 16_384]
    async with running(issued, port, "node", str(file), *keys, str(port)) as url:
        answers = await ask_many(issued, url, sizes)

    assert [answer.headers["x-path"] for answer in answers] == [f"/{n}" for n in range(len(sizes))]
    assert [answer.headers["x-size"] for answer in answers] == [str(size) for size in sizes]
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"x")}


async def test_nghttpd_that_checks_every_frame(
    issued: Certificates, port: int, tmp_path: Path
) -> None:
    needs("nghttpd")
    for number in range(50):
        (tmp_path / str(number)).write_text(str(number) * 2000)
    command = (
        *("nghttpd", "-a", "127.0.0.1", "-d", str(tmp_path), "-m", "10", "--header-table-size=0"),
        *(str(port), str(issued.server_key_file), str(issued.server_file)),
    )
    async with running(issued, port, *command) as url:
        answers = await ask_many(issued, url, [900] * 50)

    assert [a.body for a in answers] == [(str(n) * 2000).encode()[:65_536] for n in range(50)]
    assert {answer.status for answer in answers} == {200}

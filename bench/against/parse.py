"""Parse Server's side: a process of its own on PostgreSQL, whose APNs is nginx."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from bench.against import gateway
from bench.against.task import (
    ADDRESS,
    ALERT,
    FIRST,
    PHONES,
    REGISTERED,
    ROUNDS,
    Result,
    register,
)
from dev import databases
from dev.house import free_ports
from dev.postgres import Postgres, running
from services.sandbox import certificates

FOLDER = Path(__file__).parents[1] / "peers" / "parse"
DATABASE, CONNECTIONS = "parse", 20
APP, MASTER = "bench", "bench-master"
# Its adapter sends to those alone whose application is named as the topic is.
TOPIC = "com.acme.bank"
START_SECONDS = 60.0
LOOK_SECONDS = 0.05
ENDED = {"succeeded", "failed"}
# As registering over REST leaves them.
FILL = f"""
INSERT INTO "_Installation" ("objectId", "createdAt", "updatedAt", "_rperm", "_wperm",
    "deviceType", "deviceToken", "installationId", "appIdentifier")
SELECT 'b' || n, now(), now(), NULL, NULL, 'ios', '{ADDRESS}' || n, 'phone-' || n, '{TOPIC}'
FROM generate_series({FIRST + REGISTERED}, {FIRST + PHONES - 1}) AS n
"""  # noqa: S608  our own constants


async def measure(folder: Path) -> Result:
    with (
        running(folder / "postgres", databases.SETTINGS) as postgres,
        gateway.standing(folder, folder / "gateway") as apns,
    ):
        await _execute(postgres, "postgres", f"CREATE DATABASE {DATABASE}")
        async with _standing(postgres, apns) as port:
            headers = {"host": "parse", "x-parse-application-id": APP}
            body = (
                f'{{"deviceType":"ios","deviceToken":"{ADDRESS}%d","installationId":"phone-%d",'
                f'"appIdentifier":"{TOPIC}"}}'
            )
            rate = await register(port, "/parse/installations", headers, body)
            await _execute(postgres, DATABASE, FILL)
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}/parse",
                headers={"X-Parse-Application-Id": APP, "X-Parse-Master-Key": MASTER},
                trust_env=False,
                timeout=None,  # noqa: S113  the whole broadcast has a limit
            ) as client:
                broadcasts = [await apns.watch(lambda: _send(client)) for _ in range(ROUNDS)]
    return Result(rate, broadcasts)


async def _execute(postgres: Postgres, database: str, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url(database))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _send(client: httpx.AsyncClient) -> None:
    """A broadcast, until its own record says that it has ended."""
    asked = {"where": {"deviceType": "ios"}, "data": {"alert": ALERT}}
    answer = (await client.post("/push", json=asked)).raise_for_status()
    path = f"/classes/_PushStatus/{answer.headers['x-parse-push-status-id']}"
    while await _status(client, path) not in ENDED:  # noqa: ASYNC110  as a caller must
        await asyncio.sleep(LOOK_SECONDS)


async def _status(client: httpx.AsyncClient, path: str) -> str:
    status: str = (await client.get(path)).raise_for_status().json().get("status", "")
    return status


@asynccontextmanager
async def _standing(postgres: Postgres, apns: gateway.Gateway) -> AsyncIterator[int]:
    port = free_ports().edge_port
    key = certificates.private_pem(ec.generate_private_key(ec.SECP256R1())).decode()
    asked = {
        "port": port,
        "appId": APP,
        "masterKey": MASTER,
        "database": {
            "folder": str(postgres.folder),
            "name": DATABASE,
            "user": "postgres",
            "connections": CONNECTIONS,
        },
        "apns": {
            "port": apns.port,
            "key": key,
            "keyId": "ABC1234567",
            "teamId": "TEAM123456",
            "topic": TOPIC,
        },
    }
    process = await asyncio.create_subprocess_exec(
        *("node", "server.mjs"),
        cwd=FOLDER,
        env={
            **os.environ,
            # Its APNs library takes no authority of its own.
            "NODE_EXTRA_CA_CERTS": str(apns.ca_file),
            # Or its log files would land here.
            "PARSE_SERVER_LOGS_FOLDER": "null",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  asked for
    try:
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.close()
        async with asyncio.timeout(START_SECONDS):
            while (line := await process.stdout.readline()).strip() != b"ready":
                if not line:
                    raise SystemExit("Parse Server did not start; its last lines say why.")
        yield port
    finally:
        process.kill()
        await process.wait()

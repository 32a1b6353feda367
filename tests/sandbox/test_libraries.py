"""Do senders that are not ours find their gateway in the sandbox?"""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.peers import PEERS, PYTHON, needs_peers, run
from tests.sandbox.stage import Stage

pytestmark = [needs_peers, pytest.mark.asyncio(loop_scope="module")]


async def task_for(stage: Stage) -> dict[str, Any]:
    gateway = urlsplit(stage.sandbox.gateway_url)
    return {
        "host": "localhost",
        "port": gateway.port,
        "ca_file": str(stage.sandbox.ca_file),
        "count": 3,
        "warmup": 1,
        "concurrency": 2,
        "title": "ACME Bank",
        "alert": "Paid",
        "payload": '{"nid":"AbC12dEf"}',
        "addresses": [await stage.fresh("apns")],
        "apns_key": stage.sandbox.credentials["apns"]["key"],
    }


@pytest.mark.parametrize(
    "command",
    [("node", str(PEERS / "apns.mjs")), (str(PYTHON), str(PEERS / "apns.py"))],
    ids=["@parse/node-apn", "aioapns"],
)
async def test_libraries_for_apple(stage: Stage, command: tuple[str, ...]) -> None:
    task = await task_for(stage)
    done = await run(*command, task=task)
    arrival = await stage.newest(address=task["addresses"][0])

    assert done["sent"] == 3
    assert arrival["status"] == 200
    assert arrival["payload"]["aps"]["alert"] == {"title": "ACME Bank", "body": "Paid"}
    assert arrival["headers"]["apns-collapse-id"] == "AbC12dEf"

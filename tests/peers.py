"""Other people's software as a judge: installed by `make bench-gateways`, else it is skipped."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parents[1] / "bench" / "peers"
PYTHON = PEERS / ".venv" / "bin" / "python"
LIMIT_SECONDS = 60

needs_peers = pytest.mark.skipif(
    not ((PEERS / "node_modules").is_dir() and PYTHON.exists()),
    reason="the judges in bench/peers are not installed: `make bench-gateways` does it",
)


async def run(*command: str, task: dict[str, Any]) -> dict[str, Any]:
    """What a library's script says that it did; its own complaint if it failed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"NODE_EXTRA_CA_CERTS": task["ca_file"], "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        told, complaint = await process.communicate(json.dumps(task).encode())
    assert process.returncode == 0, complaint.decode()
    done: dict[str, Any] = json.loads(told.splitlines()[-1])
    return done

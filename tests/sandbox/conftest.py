"""A running sandbox, and a client that trusts it."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.sandbox.app import running
from services.sandbox.premises import Offer
from services.sandbox.settings import Settings
from tests.sandbox.stage import Stage


def settings_in(folder: Path) -> Settings:
    return Settings(
        sandbox_listen="127.0.0.1:0", sandbox_gateway_listen="127.0.0.1:0", sandbox_state=folder
    )


@pytest.fixture(scope="session")
def kept_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys are made once for all tests: an RSA key takes its time."""
    return tmp_path_factory.mktemp("sandbox")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened_stage(kept_state: Path) -> AsyncIterator[Stage]:
    async with running(settings_in(kept_state)) as sandbox:
        tls = ssl.create_default_context(cafile=sandbox.ca_file)
        async with (
            httpx.AsyncClient(base_url=sandbox.api_url) as api,
            httpx.AsyncClient(
                http1=False, http2=True, verify=tls, base_url=sandbox.gateway_url
            ) as gateway,
        ):
            yield Stage(sandbox, api, gateway)


@pytest.fixture
def stage(opened_stage: Stage) -> Stage:
    """Nothing has arrived, no fault is ordered, all protocols are spoken."""
    opened_stage.sandbox.arrivals.clear()
    opened_stage.sandbox.behaviours.clear()
    opened_stage.sandbox.offer.protocols = Offer().protocols
    return opened_stage

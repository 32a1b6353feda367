"""One house for all house tests of a process, and a fresh application for each test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.demo import load_demo
from dev.house import House, open_house
from dev.processes import NotStarted
from tests.conftest import FAST
from tests.contract.checker import checker
from tests.house.app import App
from tests.house.sandbox import Sandbox
from tests.house.spans import Receiver, receiving
from tests.house.transcript import Transcript

# A killed sender's parcels are taken by another after this time.
LEASE_SECONDS = 4
TOLD = {"LEASE_SECONDS": str(LEASE_SECONDS), "SANDBOX_KEEP": "20000"}
LAST_LINES = 60


@dataclass(slots=True)
class World:
    """The running house, and everything around it that tests look at."""

    house: House
    transcript: Transcript
    receiver: Receiver
    rest: httpx.AsyncClient
    sandbox: Sandbox
    apps: list[App] = field(default_factory=list)
    # Secrets that a test was shown itself.
    shown: set[str] = field(default_factory=set)

    async def open_app(self) -> App:
        """A new application, its platforms configured against the sandbox."""
        place = self.house.place
        folder = place.folder / f"app-{len(self.apps)}"
        folder.mkdir()
        demo = await asyncio.to_thread(
            load_demo, folder, place.edge, place.sandbox, place.keys.operator_key
        )
        app = App(self.rest, self.sandbox, demo)
        self.apps.append(app)
        return app

    def secrets(self) -> set[str]:
        """Every address, secret and text that was used until now: none may stand in a log."""
        keys = self.house.place.keys
        used = {keys.operator_key, keys.secret_pepper}
        used |= {key.partition(":")[2] for key in (keys.encryption_key, keys.token_key)}
        return used.union(self.shown, self.sandbox.addresses, *(app.secrets for app in self.apps))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    transcript = Transcript()
    async with receiving() as receiver:
        told = {**TOLD, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        folder = tmp_path_factory.mktemp("house")
        async with (
            _open(folder, transcript, told) as house,
            _client(f"{house.place.edge}/imfpush/v1", checker().check) as rest,
            _client(house.place.sandbox) as sandbox,
        ):
            yield World(house, transcript, receiver, rest, Sandbox(sandbox))


def _client(base_url: str, *hooks: Callable[[httpx.Response], Any]) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base_url, trust_env=False, timeout=30, event_hooks={"response": [*hooks]}
    )


@asynccontextmanager
async def _open(
    folder: Path, transcript: Transcript, told: Mapping[str, str]
) -> AsyncIterator[House]:
    async with AsyncExitStack() as opened:
        try:
            house = await opened.enter_async_context(
                open_house(folder, transcript, told=told, postgres_settings=FAST)
            )
            # What has no port tells by a line that it is ready; the planner opens the ledger.
            for room in house.pids():
                await transcript.wait_for(room=room, event="ready")
        except (NotStarted, TimeoutError) as error:
            error.add_note(transcript.last(LAST_LINES))
            raise
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def app(world: World) -> App:
    return await world.open_app()


@pytest.fixture
def sandbox(world: World) -> Sandbox:
    return world.sandbox


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the rooms wrote last stands beside a failure."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World):
        said = world.transcript.last(LAST_LINES)
        report.sections.append(("What the rooms wrote last", said))
    return report

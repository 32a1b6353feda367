"""Fixtures of the registry's tests."""

from collections.abc import AsyncIterator

import pytest

from services.kit.client import open_channel
from services.kit.process import House
from services.registry.room import open_room
from tests.registry.world import Stubs, settings


@pytest.fixture
async def registry(registry_url: str) -> AsyncIterator[Stubs]:
    """A whole room on a port of its own."""
    async with House() as house:
        port = await open_room(house, settings(registry_url))
        yield Stubs(open_channel(house, f"127.0.0.1:{port}"))

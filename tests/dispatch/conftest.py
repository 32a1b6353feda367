"""What several files of dispatch's tests work with."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.store import days
from services.dispatch.wire.pooled import PooledWire
from tests.dispatch.clocks import this_second
from tests.dispatch.reporting import GUARD, Reporter
from tests.listener import Listener, listening


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as opened:
        yield opened


@pytest.fixture
async def reporter(dispatch_db: AsyncEngine) -> AsyncIterator[Reporter]:
    wire = PooledWire(GUARD)
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, this_second().date() - timedelta(days=1), 3)
    yield Reporter(dispatch_db, wire)
    await wire.close()

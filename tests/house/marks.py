"""What every test says that looks at the house: one worker runs them all, on one event loop."""

import pytest

HOUSE = [pytest.mark.xdist_group("house"), pytest.mark.asyncio(loop_scope="session")]

"""What every test says that looks at the house: all share its event loop."""

import pytest

HOUSE = pytest.mark.asyncio(loop_scope="session")

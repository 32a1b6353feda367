"""Which of several workers runs a test: those of the house share one, the others go by file."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

HOUSE = "tests/house/"
# It starts houses of its own.
ELSEWHERE = "tests/house/test_runner.py"


class Placement(LoadScopeScheduling):  # type: ignore[misc]  # likewise
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return HOUSE if file.startswith(HOUSE) and file != ELSEWHERE else file

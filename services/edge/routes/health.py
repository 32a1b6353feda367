"""GET /health/status: the process is alive. Says nothing of the other rooms."""

from starlette.responses import Response

from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import ROOT, Call, Door
from services.edge.routing import Route


def routes(door: Door) -> list[Route]:
    return [door.route(ROOT + "/health/status", GET=(Access.OPEN, _read))]


async def _read(_: Call) -> Response:
    return answer({"status": "UP"})

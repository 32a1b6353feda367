"""How the edge answers: JSON, always."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response


def answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def no_content() -> Response:
    return Response(status_code=204)

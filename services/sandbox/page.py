"""The page that shows what arrived: one self-contained file, its script allowed by a nonce."""

import secrets
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

NONCE_MARK = "NONCE-OF-THIS-ANSWER"


async def show(_request: Request) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = files("services.sandbox").joinpath("page.html").read_text(encoding="utf-8")
    return HTMLResponse(html.replace(NONCE_MARK, nonce), headers=_headers(nonce))


def _headers(nonce: str) -> dict[str, str]:
    """Only this page's own script runs, whatever an alert may contain."""
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }

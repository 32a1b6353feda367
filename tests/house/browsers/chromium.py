"""Chromium without a screen, in a profile of its own that trusts a push service on this machine."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.house.browsers.running import running

PROGRAM = shutil.which("chromium") or ""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    # The message socket's certificate is one of our own.
    "--ignore-certificate-errors",
)


@asynccontextmanager
async def showing(url: str, messages_port: int, profile: Path) -> AsyncIterator[None]:
    """A browser that shows a page, whose site brings the routes of `Gcm` too."""
    settings = profile / "Default"
    await asyncio.to_thread(settings.mkdir, parents=True)
    allowed = {f"{url.rstrip('/')},*": {"setting": 1}}
    preferences = {"profile": {"content_settings": {"exceptions": {"notifications": allowed}}}}
    await asyncio.to_thread((settings / "Preferences").write_text, json.dumps(preferences))
    command = (
        PROGRAM,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--gcm-checkin-url={url}checkin",
        f"--gcm-registration-url={url}register",
        f"--gcm-mcs-endpoint=https://localhost:{messages_port}",
        url,
    )
    async with running(*command, home=profile):
        yield

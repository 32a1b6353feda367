"""Firefox without a screen, in a profile of its own that trusts a push service on this machine."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.house.browsers.running import running

PROGRAM = shutil.which("firefox-esr") or ""
PREFERENCES = {
    "dom.push.testing.allowInsecureServerURL": True,
    "dom.push.testing.ignorePermission": True,
    "permissions.default.desktop-notification": 1,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "services.settings.server": "http://localhost:9/v1",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


@asynccontextmanager
async def showing(url: str, push_server: str, profile: Path) -> AsyncIterator[None]:
    """A browser that shows a page; `push_server` is a ws:// URL."""
    await asyncio.to_thread(profile.mkdir)
    preferences = {**PREFERENCES, "dom.push.serverURL": push_server}
    lines = [f"user_pref({_write(name)}, {_write(value)});" for name, value in preferences.items()]
    await asyncio.to_thread((profile / "user.js").write_text, "\n".join(lines))
    command = (PROGRAM, "--headless", "--no-remote", "--profile", str(profile), url)
    async with running(*command, home=profile):
        yield


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)

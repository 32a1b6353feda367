"""Firefox without a screen, in a profile of its own that trusts a push service on this machine."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
    browser = await asyncio.create_subprocess_exec(
        *(PROGRAM, "--headless", "--no-remote", "--profile", str(profile), url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={"HOME": str(profile), "PATH": "/usr/bin:/bin", "MOZ_HEADLESS": "1"},
    )
    try:
        yield
    finally:
        browser.terminate()
        try:
            async with asyncio.timeout(10):
                await browser.wait()
        except TimeoutError:
            browser.kill()
            await browser.wait()


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)

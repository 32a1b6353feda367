"""Devices by the million, written where registry keeps them; registering is measured elsewhere."""

import asyncpg
import msgspec

from bench.gateways import subscribe

# Between one uid and the next: in a house of many applications they do not follow each other.
UID_STEP = 200
# Browsers with keys of their own; all others have the keys of one of these.
BROWSERS = 500
PLATFORMS = {"apns": 1, "fcm": 2, "webpush": 3}
ADDRESSES = {
    "apns": "lpad(to_hex(n), 64, 'a')",
    "fcm": "'fcm' || to_hex(n) || ':APA91b' || repeat('x', 134)",
    "webpush": "replace(($4::text[])[1 + n % array_length($4, 1)], '/push/0', '/push/' || n)",
}
MUSTER = """
    INSERT INTO devices (
        app_id, uid, device_id, platform, address, address_digest, variables, user_agent, state,
        address_time, create_time, update_time
    )
    OVERRIDING SYSTEM VALUE
    SELECT $1, n * {step}, 'device-' || n, $2, address, sha256(convert_to(address, 'UTF8')),
        '{{}}', '', 1, now(), now(), now()
    FROM (SELECT n, {address} AS address FROM generate_series(1, $3::bigint) AS n) AS each
    WHERE $4::text[] IS NOT NULL
"""


class Fleet:
    """Of one application, of one platform at a time."""

    def __init__(self, registry: asyncpg.Connection, app_id: str, port: int) -> None:
        self._registry = registry
        self._app_id = app_id
        self._port = port

    async def muster(self, gateway: str, devices: int) -> None:
        """So many devices, and no others."""
        browsers = [self._write_browser() for _ in range(BROWSERS if gateway == "webpush" else 1)]
        statement = MUSTER.format(step=UID_STEP, address=ADDRESSES[gateway])
        await self._registry.execute("TRUNCATE devices")
        await self._registry.execute(
            statement, self._app_id, PLATFORMS[gateway], devices, browsers, timeout=900
        )

    def _write_browser(self) -> str:
        """A subscription as the web SDK registers it."""
        browser = subscribe(self._port, 0)
        address = {
            "endpoint": browser["endpoint"],
            "userPublicKey": browser["keys"]["p256dh"],
            "userAuth": browser["keys"]["auth"],
        }
        return msgspec.json.encode(address).decode()

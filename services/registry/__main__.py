"""`python -m services.registry [migrate|rotate-keys]`; without a word it serves."""

import asyncio
import sys
from pathlib import Path

from services.kit import telemetry
from services.kit.database import migrate, open_engine
from services.kit.process import House, run
from services.kit.settings import SettingInvalid, read
from services.kit.vault import VaultKeyMissing
from services.registry.room import open_room
from services.registry.rotation import rotate
from services.registry.settings import Settings

MIGRATIONS = Path(__file__).parent / "store" / "migrations"


async def build(house: House) -> None:
    settings = read(Settings)
    telemetry.start_logging("registry", settings.log_level)
    house.callback(telemetry.start_tracing("registry", settings.otel_exporter_otlp_endpoint))
    await open_room(house, settings)


async def rotate_keys() -> None:
    """Seal everything anew by the first key, and say what every key has sealed then."""
    settings = read(Settings)
    vault, db = settings.make_vault(), open_engine(settings.database_url)
    try:
        done = await rotate(db, vault)
    finally:
        await db.dispose()
    by_key = ", ".join(f"{key_id}: {count}" for key_id, count in sorted(done.by_key.items()))
    sys.stdout.write(
        f"Sealed anew by {vault.first}: {done.configurations} gateway configurations, "
        f"{done.vapid_keys} VAPID keys. Sealed now, by key: {by_key or 'nothing'}.\n"
    )


def main(words: list[str]) -> None:
    match words:
        case ["migrate"]:
            asyncio.run(migrate(read(Settings).database_url, MIGRATIONS))
        case ["rotate-keys"]:
            try:
                asyncio.run(rotate_keys())
            except (SettingInvalid, VaultKeyMissing) as error:
                sys.exit(str(error))
        case []:
            run(build)
        case _:
            sys.exit("usage: python -m services.registry [migrate|rotate-keys]")


if __name__ == "__main__":
    main(sys.argv[1:])

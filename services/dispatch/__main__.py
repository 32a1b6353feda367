"""`python -m services.dispatch [api|planner|sender|reporter|migrate|rotate-keys]`.

Without a word: all four roles.
"""

import asyncio
import sys

from services.dispatch import roles, store
from services.dispatch.rotation import rotate
from services.dispatch.settings import Settings
from services.kit import process, telemetry
from services.kit.database import migrate, open_engine
from services.kit.process import House
from services.kit.settings import SettingInvalid, read
from services.kit.vault import VaultKeyMissing

ROLES = ("api", "planner", "sender", "reporter")


async def build(house: House, chosen: tuple[str, ...]) -> None:
    settings = read(Settings)
    name = f"dispatch-{chosen[0]}" if len(chosen) == 1 else "dispatch"
    telemetry.start_logging(name, settings.log_level)
    house.callback(telemetry.start_tracing(name, settings.otel_exporter_otlp_endpoint))
    premises = roles.Premises(house, settings)
    # The planner first: it opens the ledger's day before anyone writes to it.
    if "planner" in chosen:
        await roles.open_planner(premises)
    if "reporter" in chosen:
        await roles.open_reporter(premises)
    if "sender" in chosen:
        await roles.open_sender(premises)
    if "api" in chosen:
        await roles.open_api(premises)


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
        f"Sealed anew by {vault.first}: {done.webhooks} webhooks, {done.events} events. "
        f"Sealed now, by key: {by_key or 'nothing'}.\n"
    )


def main(words: list[str]) -> None:
    match words:
        case ["migrate"]:
            asyncio.run(migrate(read(Settings).database_url, store.MIGRATIONS))
        case ["rotate-keys"]:
            try:
                asyncio.run(rotate_keys())
            except (SettingInvalid, VaultKeyMissing) as error:
                sys.exit(str(error))
        case []:
            process.run(lambda house: build(house, ROLES))
        case [role] if role in ROLES:
            process.run(lambda house: build(house, (role,)))
        case _:
            sys.exit(f"usage: python -m services.dispatch [{'|'.join(ROLES)}|migrate|rotate-keys]")


if __name__ == "__main__":
    main(sys.argv[1:])

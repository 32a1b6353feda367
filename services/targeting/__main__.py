"""`python -m services.targeting` serves; with the word `migrate` it migrates and exits."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from services.kit import database, process, telemetry
from services.kit.process import House
from services.kit.settings import read
from services.targeting.app import open_room
from services.targeting.settings import MigrationSettings, Settings

MIGRATIONS = Path(__file__).parent / "store" / "migrations"


async def build(house: House) -> None:
    settings = read(Settings)
    telemetry.start_logging("targeting", settings.log_level)
    house.callback(telemetry.start_tracing("targeting", settings.otel_exporter_otlp_endpoint))
    await open_room(house, settings, clock=lambda: datetime.now(UTC))


async def migrate(house: House) -> None:
    settings = read(MigrationSettings)
    telemetry.start_logging("targeting", settings.log_level)
    await database.migrate(settings.database_url, MIGRATIONS)
    house.ending.set()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["migrate"]):
        sys.exit("usage: python -m services.targeting [migrate]")
    process.run(migrate if sys.argv[1:] else build)

"""`python -m services.registry` serves; with `migrate` it brings the schema up to date instead."""

import asyncio
import sys
from pathlib import Path

from services.kit import telemetry
from services.kit.database import migrate
from services.kit.process import House, run
from services.kit.settings import read
from services.registry.room import open_room
from services.registry.settings import Settings

MIGRATIONS = Path(__file__).parent / "store" / "migrations"


async def build(house: House) -> None:
    settings = read(Settings)
    telemetry.start_logging("registry", settings.log_level)
    house.callback(telemetry.start_tracing("registry", settings.otel_exporter_otlp_endpoint))
    await open_room(house, settings)


if __name__ == "__main__":
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(migrate(read(Settings).database_url, MIGRATIONS))
    else:
        run(build)

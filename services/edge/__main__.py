"""Composition root of the edge: `python -m services.edge`."""

import sys
import time

from services.edge.app import build_app, open_admission
from services.edge.rooms import open_rooms
from services.edge.serving import serve
from services.edge.settings import Settings
from services.kit import process, telemetry
from services.kit.process import House
from services.kit.settings import read


async def build(house: House) -> None:
    settings = read(Settings)
    telemetry.start_logging("edge", settings.log_level)
    house.callback(telemetry.start_tracing("edge", settings.otel_exporter_otlp_endpoint))
    rooms = open_rooms(house, settings)
    admission = open_admission(rooms, settings, time.monotonic)
    house.keep_running("admission", admission.watch())
    await serve(house, build_app(rooms, settings, admission), settings.listen)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit("usage: python -m services.edge   (the edge has no database to migrate)")
    process.run(build)

"""The sandbox's process: the imitated gateways, and the API and page that show what arrived."""

import structlog

from services.kit import process, settings, telemetry
from services.sandbox.app import running
from services.sandbox.settings import Settings

log = structlog.get_logger()


async def build(house: process.House) -> None:
    told = settings.read(Settings)
    telemetry.start_logging("sandbox", told.log_level)
    sandbox = await house.enter_async_context(running(told))
    log.info("listening", api=sandbox.api_url, gateways=sandbox.gateway_url)


if __name__ == "__main__":
    process.run(build)

"""Everything that targeting may be told from outside."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are in seconds."""

    database_url: str
    registry_address: str = "127.0.0.1:50051"
    listen: str = "127.0.0.1:50052"
    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""
    # How long a call to registry may take, and how long a stream may be silent.
    registry_timeout: float = 2.0
    registry_stream_timeout: float = 10.0
    # How often registry's feed is read, and deleted tags are cleared away.
    follow_interval: float = 1.0
    sweep_interval: float = 30.0
    # How often what was counted since is added to the totals.
    count_interval: float = 1.0


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    database_url: str
    log_level: str = "INFO"

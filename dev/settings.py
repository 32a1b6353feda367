"""What `make run` may be told: ports and databases, each from its variable, or a default."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.kit.settings import read

STATE = Path(".carillon")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each process listens on loopback."""

    edge_port: int = 8080
    registry_port: int = 50051
    targeting_port: int = 50052
    dispatch_port: int = 50053
    sandbox_port: int = 8090
    sandbox_gateway_port: int = 8443

    def all(self) -> dict[str, int]:
        return {
            "EDGE_PORT": self.edge_port,
            "REGISTRY_PORT": self.registry_port,
            "TARGETING_PORT": self.targeting_port,
            "DISPATCH_PORT": self.dispatch_port,
            "SANDBOX_PORT": self.sandbox_port,
            "SANDBOX_GATEWAY_PORT": self.sandbox_gateway_port,
        }


@dataclass(frozen=True, slots=True)
class Databases:
    """URLs of databases to use instead of the embedded ones; all three or none."""

    registry_database_url: str = ""
    targeting_database_url: str = ""
    dispatch_database_url: str = ""

    @property
    def are_given(self) -> bool:
        return all(self.by_room().values())

    def by_room(self) -> dict[str, str]:
        return {
            "registry": self.registry_database_url,
            "targeting": self.targeting_database_url,
            "dispatch": self.dispatch_database_url,
        }


def read_ports() -> Ports:
    return read(Ports)


def read_databases() -> Databases:
    return read(Databases)


def from_environment(*names: str) -> dict[str, str]:
    """Those of these variables that are set: handed on to rooms as they are."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}

"""Which processes a development house consists of, and what each is told."""

import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dev.keys import Keys, write_private
from dev.settings import Databases, Ports, from_environment
from services.sandbox import certificates
from services.sandbox.state import open_folder

LOOPBACK = "127.0.0.1"
# Where the senders of a development house may go beside the public internet.
EGRESS = "127.0.0.0/8,::1/128,localhost"
GATEWAY_URLS = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL", "GATEWAY_FCM_URL")
GATEWAY_WORDS = (*GATEWAY_URLS, "GATEWAY_CA_FILE", "EGRESS_ALLOW")
EVERYWHERE = ("LOG_LEVEL", "OTEL_EXPORTER_OTLP_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Room:
    """A process of its own. `grpc` and `http` say how to ask whether it answers."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    grpc: str = ""
    http: str = ""


def describe(ports: Ports, databases: Databases, keys: Keys, state: Path) -> list[Room]:
    """The rooms in the order in which they start; they end in reverse."""
    registry, targeting, dispatch = (
        f"{LOOPBACK}:{port}"
        for port in (ports.registry_port, ports.targeting_port, ports.dispatch_port)
    )
    dispatching = {
        "DATABASE_URL": databases.dispatch_database_url,
        "REGISTRY_ADDRESS": registry,
        "TARGETING_ADDRESS": targeting,
        "LISTEN": dispatch,
        **_encryption(keys),
        **_gateways(ports, state),
    }
    return [
        _room(
            "sandbox", _sandbox(ports, state), http=f"http://{LOOPBACK}:{ports.sandbox_port}/health"
        ),
        _room("registry", _registry(registry, databases, keys), grpc=registry),
        _room("targeting", _targeting(targeting, registry, databases), grpc=targeting),
        _room("dispatch-planner", dispatching),
        _room("dispatch-reporter", dispatching),
        _room("dispatch-sender", dispatching),
        _room("dispatch-api", dispatching, grpc=dispatch),
        _room(
            "edge",
            _edge(ports, keys, registry, targeting, dispatch),
            http=f"http://{LOOPBACK}:{ports.edge_port}/imfpush/v1/health/status",
        ),
    ]


def _room(name: str, environment: dict[str, str], *, grpc: str = "", http: str = "") -> Room:
    room, _, role = name.partition("-")
    leash = (sys.executable, "-m", "dev.leash", str(os.getpid()))
    command = (*leash, f"services.{room}", *([role] if role else []))
    inherited = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "TZ"}}
    told = {**inherited, "PYTHONUNBUFFERED": "1", **environment, **from_environment(*EVERYWHERE)}
    return Room(name, command, told, grpc, http)


def _sandbox(ports: Ports, state: Path) -> dict[str, str]:
    return {
        "SANDBOX_LISTEN": f"{LOOPBACK}:{ports.sandbox_port}",
        "SANDBOX_GATEWAY_LISTEN": f"{LOOPBACK}:{ports.sandbox_gateway_port}",
        "SANDBOX_STATE": str(state / "sandbox"),
    }


def _registry(listen: str, databases: Databases, keys: Keys) -> dict[str, str]:
    return {
        "DATABASE_URL": databases.registry_database_url,
        "LISTEN": listen,
        "SECRET_PEPPER": keys.secret_pepper,
        **_encryption(keys),
    }


def _encryption(keys: Keys) -> dict[str, str]:
    """A key of the house's own, or a file of keys that are replaced while it runs."""
    return from_environment("ENCRYPTION_KEYS_FILE") or {"ENCRYPTION_KEYS": keys.encryption_key}


def _targeting(listen: str, registry: str, databases: Databases) -> dict[str, str]:
    return {
        "DATABASE_URL": databases.targeting_database_url,
        "LISTEN": listen,
        "REGISTRY_ADDRESS": registry,
    }


def _gateways(ports: Ports, state: Path) -> dict[str, str]:
    """The sandbox stands for every gateway, unless the environment names others.

    What the environment opens and trusts comes on top: other gateways are the sandbox's still.
    """
    sandbox = f"https://localhost:{ports.sandbox_gateway_port}"
    given = from_environment(*GATEWAY_WORDS)
    return {
        **dict.fromkeys(GATEWAY_URLS, sandbox),
        **given,
        "GATEWAY_CA_FILE": str(_gather_authorities(state, given.get("GATEWAY_CA_FILE", ""))),
        "EGRESS_ALLOW": _allow_egress(),
    }


def _allow_egress() -> str:
    given = from_environment("EGRESS_ALLOW")
    return ",".join((EGRESS, *given.values()))


def _gather_authorities(state: Path, given: str) -> Path:
    """The file with the sandbox's authority, and with those that the deployment names, if any."""
    if not given or not Path(given).is_file():
        # A file that is missing is the room's to complain of.
        return Path(given) if given else state / "sandbox" / "ca.pem"
    issued = certificates.obtain(open_folder(state / "sandbox"), "localhost", datetime.now(UTC))
    gathered = state / "authorities.pem"
    write_private(gathered, issued.ca_file.read_bytes() + b"\n" + Path(given).read_bytes())
    return gathered


def _edge(ports: Ports, keys: Keys, registry: str, targeting: str, dispatch: str) -> dict[str, str]:
    return {
        "LISTEN": f"{LOOPBACK}:{ports.edge_port}",
        "PUBLIC_URL": f"http://{LOOPBACK}:{ports.edge_port}",
        "OPERATOR_KEY": keys.operator_key,
        "TOKEN_KEYS": keys.token_key,
        "REGISTRY_ADDRESS": registry,
        "TARGETING_ADDRESS": targeting,
        "DISPATCH_ADDRESS": dispatch,
        "EGRESS_ALLOW": _allow_egress(),
    }

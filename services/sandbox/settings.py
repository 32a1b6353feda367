"""Everything the sandbox may be told from outside."""

import re
from dataclasses import dataclass
from pathlib import Path

from services.kit.settings import SettingInvalid

MAX_PORT = 65535
MAX_KEEP = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9.:-]+")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is an environment variable; `read` in the kit fills it."""

    # The API and the page, plain HTTP: host:port.
    sandbox_listen: str = "127.0.0.1:8090"
    # The imitated gateways, TLS: host:port.
    sandbox_gateway_listen: str = "127.0.0.1:8443"
    # The name by which senders reach the gateways; stands in their certificate.
    sandbox_host: str = "localhost"
    sandbox_state: Path = Path(".carillon/sandbox")
    # How many of the latest notifications are remembered.
    sandbox_keep: int = 2000
    # The only app whose notifications the imitated APNs takes.
    sandbox_bundle_id: str = "com.acme.bank"
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        if not 1 <= self.sandbox_keep <= MAX_KEEP:
            raise SettingInvalid(f"SANDBOX_KEEP must be a number from 1 to {MAX_KEEP}.")
        for variable in ("sandbox_host", "sandbox_bundle_id"):
            if not _NAME.fullmatch(getattr(self, variable)):
                raise SettingInvalid(f"{variable.upper()} must be of letters, digits, dots and -.")

    def listen(self) -> Listen:
        return _listen("SANDBOX_LISTEN", self.sandbox_listen)

    def gateway_listen(self) -> Listen:
        return _listen("SANDBOX_GATEWAY_LISTEN", self.sandbox_gateway_listen)


def _listen(variable: str, text: str) -> Listen:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isdecimal() and int(port) <= MAX_PORT):
        raise SettingInvalid(f"{variable} must be host:port, not {text!r}.")
    return Listen(host, int(port))

"""Everything that registry may be told from outside."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from services.kit.settings import SettingInvalid
from services.registry.domain.secrets import MIN_PEPPER_BYTES, Judge
from services.registry.domain.vault import KEY_BYTES, Vault
from services.registry.domain.website import WebsiteTokens

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Settings:
    """One variable of the environment per field; keys are never shown."""

    database_url: str = field(repr=False)
    secret_pepper: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    # The same pairs, one a line or with commas between; read again when a key is missing.
    encryption_keys_file: str = ""
    listen: str = "127.0.0.1:50051"
    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""
    tombstone_days: int = 100
    change_days: int = 30

    def __post_init__(self) -> None:
        if bool(self.encryption_keys) == bool(self.encryption_keys_file):
            raise SettingInvalid("Either ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE must be set.")

    def make_judge(self) -> Judge:
        pepper = _decode("SECRET_PEPPER", self.secret_pepper)
        if len(pepper) < MIN_PEPPER_BYTES:
            raise SettingInvalid(
                f"SECRET_PEPPER must be {MIN_PEPPER_BYTES} bytes or more in base64."
            )
        return Judge(pepper)

    def make_website_tokens(self) -> WebsiteTokens:
        """Under a key of their own, which the pepper yields."""
        pepper = _decode("SECRET_PEPPER", self.secret_pepper)
        return WebsiteTokens(hmac.digest(pepper, b"tokens of push packages", "sha256"))

    def make_vault(self) -> Vault:
        if not self.encryption_keys_file:
            return Vault(_read_keys("ENCRYPTION_KEYS", self.encryption_keys))
        file = Path(self.encryption_keys_file)
        return Vault(_read_key_file(file), lambda: _reread_key_file(file))


def _read_keys(name: str, entries: Iterable[str]) -> Mapping[str, bytes]:
    keys: dict[str, bytes] = {}
    for entry in entries:
        key_id, _, text = entry.partition(":")
        key = _decode(name, text)
        if not key_id or len(key) != KEY_BYTES or key_id in keys:
            raise SettingInvalid(
                f"{name} must be id:key pairs, each id once, each key {KEY_BYTES} bytes in base64."
            )
        keys[key_id] = key
    if not keys:
        raise SettingInvalid(f"{name} must hold at least one key.")
    return keys


def _read_key_file(file: Path) -> Mapping[str, bytes]:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError):
        raise SettingInvalid(f"ENCRYPTION_KEYS_FILE {str(file)!r} cannot be read.") from None
    entries = [entry.strip() for line in text.splitlines() for entry in line.split(",")]
    return _read_keys("ENCRYPTION_KEYS_FILE", filter(None, entries))


def _reread_key_file(file: Path) -> Mapping[str, bytes]:
    """A file that is amiss for a moment, or for good, leaves the keys as they were."""
    try:
        return _read_key_file(file)
    except SettingInvalid as error:
        log.warning("keys.unreadable", error=str(error))
        return {}


def _decode(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SettingInvalid(f"{name} is not base64.") from None

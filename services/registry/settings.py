"""Everything that registry may be told from outside."""

import base64
import binascii
from dataclasses import dataclass, field

from services.kit.settings import SettingInvalid
from services.registry.domain.secrets import MIN_PEPPER_BYTES, Judge
from services.registry.domain.vault import KEY_BYTES, Vault


@dataclass(frozen=True, slots=True)
class Settings:
    """One variable of the environment per field; keys are never shown."""

    database_url: str = field(repr=False)
    secret_pepper: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    listen: str = "127.0.0.1:50051"
    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""
    tombstone_days: int = 100
    change_days: int = 30

    def make_judge(self) -> Judge:
        pepper = _decode("SECRET_PEPPER", self.secret_pepper)
        if len(pepper) < MIN_PEPPER_BYTES:
            raise SettingInvalid(
                f"SECRET_PEPPER must be {MIN_PEPPER_BYTES} bytes or more in base64."
            )
        return Judge(pepper)

    def make_vault(self) -> Vault:
        keys = {}
        for entry in self.encryption_keys:
            key_id, _, text = entry.partition(":")
            key = _decode("ENCRYPTION_KEYS", text)
            if not key_id or len(key) != KEY_BYTES or key_id in keys:
                raise SettingInvalid(
                    f"ENCRYPTION_KEYS must be id:key pairs with commas between them, each id once,"
                    f" each key {KEY_BYTES} bytes in base64."
                )
            keys[key_id] = key
        if not keys:
            raise SettingInvalid("ENCRYPTION_KEYS must hold at least one key.")
        return Vault(keys)


def _decode(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SettingInvalid(f"{name} is not base64.") from None

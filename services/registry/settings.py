"""Everything that registry may be told from outside."""

import hmac
from dataclasses import dataclass, field

from services.kit import keys
from services.kit.settings import SettingInvalid
from services.kit.vault import Vault
from services.registry.domain.secrets import MIN_PEPPER_BYTES, Judge
from services.registry.domain.website import WebsiteTokens


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
        pepper = keys.decode("SECRET_PEPPER", self.secret_pepper)
        if len(pepper) < MIN_PEPPER_BYTES:
            raise SettingInvalid(
                f"SECRET_PEPPER must be {MIN_PEPPER_BYTES} bytes or more in base64."
            )
        return Judge(pepper)

    def make_website_tokens(self) -> WebsiteTokens:
        """Under a key of their own, which the pepper yields."""
        pepper = keys.decode("SECRET_PEPPER", self.secret_pepper)
        return WebsiteTokens(hmac.digest(pepper, b"tokens of push packages", "sha256"))

    def make_vault(self) -> Vault:
        return keys.open_vault(self.encryption_keys, self.encryption_keys_file)

"""Everything the edge may be told from outside."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from services.edge.tokens import read_keys
from services.kit.settings import SettingInvalid

MIN_OPERATOR_KEY = 32
MAX_AUTH_CACHE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    # Whoever shows it may create and delete applications.
    operator_key: str = field(repr=False)
    # id:key pairs under which tokens are signed: the first signs, all verify. Every edge has the
    # same ones.
    token_keys: tuple[str, ...] = field(repr=False)
    listen: str = "127.0.0.1:8080"
    # How callers reach us; every `href` begins with it.
    public_url: str = "http://127.0.0.1:8080"
    registry_address: str = "127.0.0.1:50051"
    targeting_address: str = "127.0.0.1:50052"
    dispatch_address: str = "127.0.0.1:50053"
    # Seconds that another room has for one answer.
    room_timeout: float = 2.0
    # Seconds for which a verdict about a caller is believed after registry last confirmed it: how
    # long a revoked secret may go on working where registry does not answer.
    auth_cache_seconds: float = 4.0
    max_body_bytes: int = 1024 * 1024
    # Whether a subscription made twice is refused with 409: the Android SDK takes that for a
    # failure.
    strict_subscriptions: bool = False
    # Hosts, addresses and networks that a browser's token may name beside the public internet.
    egress_allow: tuple[str, ...] = ()
    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""

    def __post_init__(self) -> None:
        if len(self.operator_key) < MIN_OPERATOR_KEY:
            raise SettingInvalid(f"OPERATOR_KEY must have at least {MIN_OPERATOR_KEY} characters.")
        if not self.operator_key.isascii() or not self.operator_key.isprintable():
            raise SettingInvalid("OPERATOR_KEY must be printable ASCII: it travels in a header.")
        public = urlsplit(self.public_url)
        if public.scheme not in {"http", "https"} or not public.netloc:
            raise SettingInvalid(f"PUBLIC_URL must be http(s)://host, not {self.public_url!r}.")
        read_keys(self.token_keys)
        if not 0 < self.auth_cache_seconds <= MAX_AUTH_CACHE_SECONDS:
            raise SettingInvalid(
                f"AUTH_CACHE_SECONDS must be above 0 and at most {MAX_AUTH_CACHE_SECONDS}."
            )
        if self.room_timeout <= 0:
            raise SettingInvalid("ROOM_TIMEOUT must be above 0.")
        if self.max_body_bytes <= 0:
            raise SettingInvalid("MAX_BODY_BYTES must be above 0.")

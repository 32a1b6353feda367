"""Everything dispatch may be told from outside."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.dispatch.gateways.pool import VENDORS, GatewayUrls
from services.dispatch.switchboard import Limits
from services.kit import keys
from services.kit.egress import EgressGuard
from services.kit.settings import SettingInvalid
from services.kit.vault import Vault

APPLE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """One variable per field, in capitals. All four roles read the same."""

    database_url: str
    registry_address: str
    targeting_address: str
    # id:key pairs, 32 bytes each in base64: the first one seals what webhooks keep secret.
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    # The same pairs, one a line or with commas between; read again when something is sealed.
    encryption_keys_file: str = ""
    listen: str = "127.0.0.1:50053"
    log_level: str = "INFO"
    otel_exporter_otlp_endpoint: str = ""
    # Seconds until another room must have answered.
    room_timeout: float = 2.0
    # Days until a message's outcomes are forgotten.
    retention_days: int = 90
    # The largest payload for Apple devices, in bytes; Apple's own limit is 4096.
    apple_payload_bytes: int = 2048
    # Sends of one process that a crash may repeat.
    sender_window: int = 250
    # Parcels that one sender delivers at once.
    express_slots: int = 32
    bulk_slots: int = 16
    # Seconds until a parcel whose sender has vanished, or a message whose planner has, is taken by
    # another.
    lease_seconds: float = 30.0
    # Seconds for which a notification that a gateway puts off is tried again, or waits for an open
    # circuit to close.
    patience_seconds: float = 86_400.0
    # Requests under way at once, by one credential in one sender, at most.
    credential_concurrency: int = 250
    # Messages a minute by one credential in one sender: Google's quota of a project, divided by the
    # number of senders.
    fcm_per_minute: int = 600_000
    # Seconds that reports of dead and suspect addresses wait, in which the fuse may blow over them.
    report_delay_seconds: float = 2.0
    # Seconds for which an event is tried again until it becomes a dead letter.
    webhook_patience_seconds: float = 86_400.0
    # Seconds that a webhook has for its answer.
    webhook_timeout: float = 10.0
    # Webhooks that one reporter works for at once.
    webhook_slots: int = 32
    # How many events may wait for one webhook, and how many dead letters may lie there.
    webhook_backlog: int = 100_000
    gateway_apns_url: str = VENDORS.apns
    gateway_apns_sandbox_url: str = VENDORS.apns_sandbox
    gateway_fcm_url: str = VENDORS.fcm
    # A file of authorities (PEM) to trust beside the system's.
    gateway_ca_file: str = ""
    # RFC 8292: whom a push service may ask, as mailto: or https:.
    web_push_contact: str = VENDORS.web_push_contact
    # Hosts, addresses and networks that requests may reach beside the public internet.
    egress_allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.encryption_keys) == bool(self.encryption_keys_file):
            raise SettingInvalid("Either ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE must be set.")
        if not 1 <= self.apple_payload_bytes <= APPLE_BYTES_MAX:
            raise SettingInvalid(
                f"APPLE_PAYLOAD_BYTES must be 1 to {APPLE_BYTES_MAX}, "
                f"not {self.apple_payload_bytes}."
            )
        if self.webhook_backlog < 1:
            raise SettingInvalid(f"WEBHOOK_BACKLOG must be 1 or more, not {self.webhook_backlog}.")
        if self.gateway_ca_file and not Path(self.gateway_ca_file).is_file():
            raise SettingInvalid(f"GATEWAY_CA_FILE {self.gateway_ca_file!r} is no file.")
        guard = EgressGuard.allowing(self.egress_allow)
        for name in ("gateway_apns_url", "gateway_apns_sandbox_url", "gateway_fcm_url"):
            url = getattr(self, name)
            if not guard.admits_url(url):
                raise SettingInvalid(
                    f"{name.upper()} must be https://host, or http:// with a host that EGRESS_ALLOW"
                    f" names, not {url!r}."
                )

    def make_vault(self) -> Vault:
        return keys.open_vault(self.encryption_keys, self.encryption_keys_file)

    @property
    def limits(self) -> Limits:
        # However slow the gateway behind one gate, there are places left in the window for others.
        share = max(self.sender_window * 3 // 4, 1)
        return Limits(
            min(self.credential_concurrency, share),
            self.fcm_per_minute,
            timedelta(seconds=self.patience_seconds),
            timedelta(seconds=self.lease_seconds),
        )

    @property
    def gateway_urls(self) -> GatewayUrls:
        return GatewayUrls(
            self.gateway_apns_url.rstrip("/"),
            self.gateway_apns_sandbox_url.rstrip("/"),
            self.gateway_fcm_url.rstrip("/"),
            self.web_push_contact,
        )

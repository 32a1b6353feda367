"""The tables as SQLAlchemy sees them, and the numbers by which enums are stored."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

from services.registry.domain.callers import Role, SecretKind
from services.registry.domain.change import ChangeKind, DeviceEventKind
from services.registry.domain.device import Environment, Platform, State
from services.registry.domain.gateway import GatewayKind, GatewayState

E = TypeVar("E", bound=Enum)

# Written into rows: an entry is never changed, only added.
PLATFORM_NUMBERS = {
    Platform.IOS: 1,
    Platform.ANDROID: 2,
    Platform.WEB_CHROME: 3,
    Platform.WEB_FIREFOX: 4,
    Platform.WEB_SAFARI: 5,
    Platform.APPEXT_CHROME: 6,
}
# Gateways only ever move a device up these numbers.
STATE_NUMBERS = {State.ACTIVE: 1, State.QUARANTINED: 2, State.DEAD: 3}
ENVIRONMENT_NUMBERS = {Environment.PRODUCTION: 1, Environment.SANDBOX: 2}
SECRET_NUMBERS = {SecretKind.APP: 1, SecretKind.CLIENT: 2}
ROLE_NUMBERS = {Role.READER: 1, Role.WRITER: 2, Role.MANAGER: 3}
DEVICE_EVENT_NUMBERS = {
    DeviceEventKind.REGISTERED: 1,
    DeviceEventKind.UPDATED: 2,
    DeviceEventKind.UNREGISTERED: 3,
}
CHANGE_NUMBERS = {ChangeKind.DEVICE_DELETED: 1, ChangeKind.APPLICATION_DELETED: 2}
GATEWAY_NUMBERS = {
    GatewayKind.APNS: 1,
    GatewayKind.FCM: 2,
    GatewayKind.WEB_CHROME: 3,
    GatewayKind.WEB_FIREFOX: 4,
    GatewayKind.WEB_SAFARI: 5,
    GatewayKind.APPEXT_CHROME: 6,
}
GATEWAY_STATE_NUMBERS = {
    GatewayState.UNVERIFIED: 1,
    GatewayState.VERIFIED: 2,
    GatewayState.MISCONFIGURED: 3,
}


class Numbered(sa.types.TypeDecorator[E], Generic[E]):
    """An enum stored as a smallint, by a table of numbers."""

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, numbers: Mapping[E, int]) -> None:
        super().__init__()
        self.numbers = tuple(numbers.items())
        self._to_number = dict(numbers)
        self._to_member = {number: member for member, number in numbers.items()}

    def process_bind_param(self, value: E | None, dialect: Dialect) -> int | None:  # noqa: ARG002  theirs
        return None if value is None else self._to_number[value]

    def process_result_value(self, value: Any | None, dialect: Dialect) -> E | None:  # noqa: ANN401, ARG002  theirs
        return None if value is None else self._to_member[value]


class Xid8(sa.types.UserDefinedType[int]):
    """A transaction's number that never wraps. The driver knows it only as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:  # noqa: ANN401  theirs
        return "xid8"


PLATFORM: Numbered[Platform] = Numbered(PLATFORM_NUMBERS)
STATE: Numbered[State] = Numbered(STATE_NUMBERS)
ENVIRONMENT: Numbered[Environment] = Numbered(ENVIRONMENT_NUMBERS)
TIME = sa.DateTime(timezone=True)

metadata = sa.MetaData()

applications = sa.Table(
    "applications",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("display_name", sa.Text),
    sa.Column("enabled", sa.Boolean),
    sa.Column("create_time", TIME),
    sa.Column("update_time", TIME),
    sa.Column("delete_time", TIME),
    sa.Column("swept_time", TIME),
    sa.Column("old_style", sa.Boolean),
    sa.Column("verify_client_secret", sa.Boolean),
    sa.Column("clients_list_devices", sa.Boolean),
    sa.Column("web_sites_only", sa.Boolean),
    sa.Column("access_version", sa.BigInteger),
    sa.Column("watch_end_time", TIME),
)

application_secrets = sa.Table(
    "application_secrets",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("kind", Numbered(SECRET_NUMBERS), primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("create_time", TIME),
    sa.Column("expire_time", TIME),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("display_name", sa.Text),
    sa.Column("role", Numbered(ROLE_NUMBERS)),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("create_time", TIME),
)

vapid_keys = sa.Table(
    "vapid_keys",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("public_key", sa.LargeBinary),
    sa.Column("key_id", sa.Text),
    sa.Column("sealed_private_key", sa.LargeBinary),
    sa.Column("create_time", TIME),
)

gateway_versions = sa.Sequence("gateway_versions")

gateway_configurations = sa.Table(
    "gateway_configurations",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("kind", Numbered(GATEWAY_NUMBERS), primary_key=True),
    sa.Column("settings", JSONB),
    sa.Column("key_id", sa.Text),
    sa.Column("sealed_secrets", sa.LargeBinary),
    sa.Column("version", sa.BigInteger),
    sa.Column("update_time", TIME),
    sa.Column("expire_time", TIME),
    sa.Column("state", Numbered(GATEWAY_STATE_NUMBERS)),
    sa.Column("state_reason", sa.Text),
    sa.Column("icons", sa.LargeBinary),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("uid", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("device_id", sa.Text),
    sa.Column("platform", PLATFORM),
    sa.Column("address", sa.Text),
    sa.Column("address_digest", sa.LargeBinary),
    sa.Column("user_id", sa.Text),
    sa.Column("variables", JSONB),
    sa.Column("user_agent", sa.Text),
    sa.Column("state", STATE),
    sa.Column("environment", ENVIRONMENT),
    sa.Column("newer_twin_uid", sa.BigInteger),
    sa.Column("address_time", TIME),
    sa.Column("create_time", TIME),
    sa.Column("update_time", TIME),
)

# Written out, not bound: a plan made for any state could not use the partial index.
IS_ACTIVE = devices.c.state == sa.literal_column(str(STATE_NUMBERS[State.ACTIVE]))
IS_QUARANTINED = devices.c.state == sa.literal_column(str(STATE_NUMBERS[State.QUARANTINED]))
IS_NOT_DEAD = devices.c.state != sa.literal_column(str(STATE_NUMBERS[State.DEAD]))

device_counts = sa.Table(
    "device_counts",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("platform", PLATFORM, primary_key=True),
    sa.Column("total", sa.BigInteger),
)

device_count_changes = sa.Table(
    "device_count_changes",
    metadata,
    sa.Column("change_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("kind", sa.SmallInteger),
    sa.Column("day", sa.Date),
    sa.Column("platform", PLATFORM),
    sa.Column("delta", sa.Integer),
)

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("device_id", sa.Text),
    sa.Column("platform", PLATFORM),
    sa.Column("delete_time", TIME),
)

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("position", Xid8, primary_key=True, server_default=sa.FetchedValue()),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("kind", Numbered(CHANGE_NUMBERS)),
    sa.Column("uid", sa.BigInteger),
    sa.Column("create_time", TIME),
)

device_events = sa.Table(
    "device_events",
    metadata,
    sa.Column("position", Xid8, primary_key=True, server_default=sa.FetchedValue()),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("kind", Numbered(DEVICE_EVENT_NUMBERS)),
    sa.Column("uid", sa.BigInteger),
    sa.Column("device_id", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("platform", PLATFORM),
    sa.Column("address", sa.Text),
    sa.Column("create_time", TIME),
)

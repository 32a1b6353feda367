"""The tables as SQLAlchemy knows them; the migrations are what made them."""

from typing import Any

import sqlalchemy as sa

from services.targeting.domain.events import EventKind
from services.targeting.domain.platforms import Platform

# Numbers of our own: what the wire calls a platform may change, what is stored may not.
PLATFORM_NUMBERS = {
    Platform.IOS: 1,
    Platform.ANDROID: 2,
    Platform.WEB_CHROME: 3,
    Platform.WEB_FIREFOX: 4,
    Platform.WEB_SAFARI: 5,
    Platform.APPEXT_CHROME: 6,
}

EVENT_NUMBERS = {EventKind.SUBSCRIBED: 1, EventKind.UNSUBSCRIBED: 2}

metadata = sa.MetaData()


class Xid8(sa.types.UserDefinedType[int]):
    """A transaction's number that never wraps. The driver knows it only as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:  # noqa: ANN401  theirs
        return "xid8"


tags = sa.Table(
    "tags",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("tag_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text(collation="C")),
    sa.Column("description", sa.Text),
    sa.Column("create_time", sa.DateTime(timezone=True)),
    sa.Column("update_time", sa.DateTime(timezone=True)),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("tag_id", sa.BigInteger, primary_key=True),
    sa.Column("platform", sa.SmallInteger, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)

opt_outs = sa.Table(
    "broadcast_opt_outs",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)

removals = sa.Table(
    "removals",
    metadata,
    sa.Column("removal_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("tag_id", sa.BigInteger),
    sa.Column("through_uid", sa.BigInteger),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("tag_id", sa.BigInteger, primary_key=True),
    sa.Column("total", sa.BigInteger),
)

count_changes = sa.Table(
    "count_changes",
    metadata,
    sa.Column("change_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("kind", sa.SmallInteger),
    sa.Column("tag_id", sa.BigInteger),
    sa.Column("delta", sa.Integer),
)

feed_position = sa.Table("feed_position", metadata, sa.Column("position", sa.Text))

watches = sa.Table(
    "watches",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("end_time", sa.DateTime(timezone=True)),
)

subscription_events = sa.Table(
    "subscription_events",
    metadata,
    sa.Column("position", Xid8, primary_key=True, server_default=sa.FetchedValue()),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid),
    sa.Column("kind", sa.SmallInteger),
    sa.Column("uid", sa.BigInteger),
    sa.Column("tag_id", sa.BigInteger),
    sa.Column("tag_name", sa.Text),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)

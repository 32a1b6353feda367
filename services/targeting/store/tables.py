"""The tables as SQLAlchemy knows them; the migrations are what made them."""

import sqlalchemy as sa

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

metadata = sa.MetaData()

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

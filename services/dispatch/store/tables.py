"""The tables as SQLAlchemy knows them; the migrations say why they are so."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.kit.paging import Window

metadata = sa.MetaData()


def walk(
    query: sa.Select[Any], place: sa.ColumnElement[Any], window: Window[Any]
) -> sa.Select[Any]:
    """What a window shows of a list in the order of `place`, in its direction, up to its limit."""
    if window.position is not None:
        (here,) = window.position
        query = query.where(place < here if window.backward else place > here)
    ordered = query.order_by(place.desc() if window.backward else place)
    return ordered.offset(window.skip).limit(window.limit)


def is_any(column: sa.Column[Any], values: Sequence[object]) -> sa.ColumnElement[bool]:
    """`column = ANY(array)`: one statement, prepared once, however many the values."""
    array: sa.ColumnElement[Any] = sa.cast(list(values), sa.ARRAY(column.type))
    return column == sa.any_(array)


messages = sa.Table(
    "messages",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True)),
    sa.Column("content", pg.JSONB, nullable=False),
    sa.Column("target", pg.JSONB, nullable=False),
    sa.Column("is_synced", sa.Boolean, nullable=False),
    sa.Column("is_internal", sa.Boolean, nullable=False),
    sa.Column("annotation", sa.Text, nullable=False),
    sa.Column("trace_parent", sa.Text, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expire_time", sa.DateTime(timezone=True)),
    sa.Column("end_time", sa.DateTime(timezone=True)),
    sa.Column("pause_time", sa.DateTime(timezone=True)),
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("is_small", sa.Boolean, nullable=False),
    sa.Column("resume_token", sa.Text, nullable=False),
    sa.Column("turn", sa.BigInteger),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)

shares = sa.Table(
    "shares",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("lane", sa.SmallInteger, primary_key=True),
    sa.Column("finish", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("turn", sa.BigInteger, nullable=False),
)

weights = sa.Table(
    "weights",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("weight", sa.SmallInteger, nullable=False),
)

parcels = sa.Table(
    "parcels",
    metadata,
    sa.Column("parcel_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("lane", sa.SmallInteger, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("turn", sa.BigInteger, nullable=False),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("after_uid", sa.BigInteger, nullable=False),
    sa.Column("through_uid", sa.BigInteger, nullable=False),
    sa.Column("uids", sa.LargeBinary),
    sa.Column("attempt", sa.SmallInteger, nullable=False),
    sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("segment_id", sa.BigInteger, sa.Identity(always=True)),
    sa.Column("parcel_id", sa.BigInteger, nullable=False),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("knot", sa.BigInteger, nullable=False),
    sa.Column("first_uid", sa.BigInteger, nullable=False),
    sa.Column("last_uid", sa.BigInteger, nullable=False),
    sa.Column("uids", sa.LargeBinary, nullable=False),
    sa.Column("codes", sa.LargeBinary, nullable=False),
    sa.Column("kinds", pg.JSONB, nullable=False),
    sa.Column("write_time", sa.DateTime(timezone=True), server_default=sa.func.now()),
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
)

receipt_counts = sa.Table(
    "receipt_counts",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("platform", sa.SmallInteger, primary_key=True),
    sa.Column("outcome", sa.SmallInteger, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
)

day_counts = sa.Table(
    "day_counts",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("platform", sa.SmallInteger, primary_key=True),
    sa.Column("outcome", sa.SmallInteger, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
)

count_changes = sa.Table(
    "count_changes",
    metadata,
    sa.Column("change_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False, server_default=""),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("delta", sa.Integer, nullable=False),
)

dismissals = sa.Table(
    "dismissals",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
)

address_reports = sa.Table(
    "address_reports",
    metadata,
    sa.Column("report_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("address_digest", sa.LargeBinary, nullable=False),
    sa.Column("found_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finding", sa.SmallInteger, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
)

circuits = sa.Table(
    "circuits",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("platform", sa.SmallInteger, primary_key=True),
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("cause", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("open_time", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("probe_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("closing", sa.Boolean, nullable=False),
)

fuses = sa.Table(
    "fuses",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("platform", sa.SmallInteger, primary_key=True),
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("blow_time", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("confirm_time", sa.DateTime(timezone=True)),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("message_ids", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
)

channel_groups = sa.Table(
    "channel_groups",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("group_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
)

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("app_id", sa.Uuid, primary_key=True),
    sa.Column("channel_id", sa.Text, primary_key=True),
    sa.Column("settings", pg.JSONB, nullable=False),
    sa.Column("group_id", sa.Text),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("position", sa.Text, nullable=False),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("kinds", sa.SmallInteger, nullable=False),
    sa.Column("annotation", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("sealed_keyring", sa.LargeBinary, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("wake_time", sa.DateTime(timezone=True)),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("webhook_id", sa.BigInteger, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("sealed_body", sa.LargeBinary, nullable=False),
    sa.Column("trace_parent", sa.Text, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
)

news = sa.Table(
    "news",
    metadata,
    sa.Column("news_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("app_id", sa.Uuid, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("platform", sa.SmallInteger, nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("uids", sa.LargeBinary, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.func.now()),
)

"""Which parcels are taken next: applications by their places, and of each the foremost by turns.

A place is an application's, whichever of its messages goes there. Whoever takes the foremost places
takes, of each application among them, as many parcels by their turns instead. Where that is another
parcel, the two exchange their places. Nothing is waited for: what others lock is passed over.
"""

from typing import Any

import sqlalchemy as sa

from services.dispatch.domain.parcels import Lane, ParcelState
from services.dispatch.store.tables import parcels


def _is_ready(lane: Lane) -> sa.ColumnElement[bool]:
    """Written out, not bound: a plan made for any lane and state could not use partial indexes."""
    return sa.and_(
        parcels.c.state == sa.literal_column(str(int(ParcelState.READY))),
        parcels.c.lane == sa.literal_column(str(int(lane))),
    )


IS_READY_BULK = _is_ready(Lane.BULK)


def foremost(lane: Lane, limit: sa.ColumnElement[int]) -> sa.CTE:
    """The foremost ready parcels of a lane, locked."""
    return (
        sa.select(parcels.c.parcel_id, parcels.c.app_id, parcels.c.place)
        .where(_is_ready(lane))
        .order_by(parcels.c.place, parcels.c.parcel_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("foremost")
    )


def by_turns(places: sa.CTE) -> sa.CTE:
    """As many parcels of each application by their turns, locked and numbered within it."""
    parts = (
        sa.select(places.c.app_id, sa.func.count().label("wanted"))
        .group_by(places.c.app_id)
        .subquery("parts")
    )
    each = (
        sa.select(parcels.c.parcel_id, parcels.c.place, parcels.c.turn)
        .where(parcels.c.app_id == parts.c.app_id, IS_READY_BULK)
        .order_by(parcels.c.turn, parcels.c.parcel_id)
        .limit(parts.c.wanted)
        .with_for_update(skip_locked=True)
        .lateral("each")
    )
    return (
        sa.select(
            parts.c.app_id,
            each.c.parcel_id,
            each.c.place,
            _number(parts.c.app_id, each.c.turn, each.c.parcel_id),
        )
        .select_from(parts.join(each, sa.true()))
        .cte("by_turns")
    )


def exchange(places: sa.CTE, chosen: sa.CTE) -> tuple[sa.CTE, sa.CTE]:
    """Where the chosen go, and the statement that gives their places to those they displace."""
    numbered = _by_place(places).cte("numbered")
    taken = (
        sa.select(chosen.c.parcel_id, numbered.c.place)
        .select_from(
            chosen.join(
                numbered,
                sa.and_(chosen.c.app_id == numbered.c.app_id, chosen.c.number == numbered.c.number),
            )
        )
        .cte("taken")
    )
    displaced = _by_place(places).where(_is_not_in(places, chosen)).cte("displaced")
    brought = _by_place(chosen).where(_is_not_in(chosen, places)).cte("brought")
    moved = (
        sa.update(parcels)
        .where(
            parcels.c.parcel_id == displaced.c.parcel_id,
            displaced.c.app_id == brought.c.app_id,
            displaced.c.number == brought.c.number,
        )
        .values(place=brought.c.place)
        .cte("moved")
    )
    return taken, moved


def _by_place(some: sa.CTE) -> sa.Select[Any]:
    """Parcels with their places, numbered by them within each application."""
    number = _number(some.c.app_id, some.c.place, some.c.parcel_id)
    return sa.select(some.c.app_id, some.c.parcel_id, some.c.place, number)


def _is_not_in(some: sa.CTE, others: sa.CTE) -> sa.ColumnElement[bool]:
    return some.c.parcel_id.not_in(sa.select(others.c.parcel_id))


def _number(app_id: sa.ColumnElement[object], *order: sa.ColumnElement[int]) -> sa.Label[int]:
    return sa.func.row_number().over(partition_by=app_id, order_by=order).label("number")

"""Cutting and resolving over a store and a book, put together as the room does it."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.cutting import Cutter
from services.targeting.driving import Drivers
from services.targeting.expressioncuts import ExpressionCutter
from services.targeting.resolving import Resolver
from services.targeting.subscribers import Subscribers
from services.targeting.tagcuts import MAX_ROWS, SLICE_SIZE, TagCutter
from services.targeting.weighing import Weigher
from tests.targeting.book import Book, EntryChunk


def make_cutter(
    db: AsyncEngine, book: Book, *, size: int = SLICE_SIZE, max_rows: int = MAX_ROWS
) -> Cutter:
    tag_cutter = TagCutter(db, slice_size=size, max_rows=max_rows)
    return Cutter(tag_cutter, ExpressionCutter(make_drivers(db), tag_cutter, book), book)


def make_resolver(db: AsyncEngine, book: Book) -> Resolver[EntryChunk]:
    subscribers = Subscribers(db)
    weigher = Weigher(db, make_drivers(db), book, subscribers)
    return Resolver(db, book, book, weigher, subscribers)


def make_drivers(db: AsyncEngine) -> Drivers:
    """In a time that stands still."""
    return Drivers(db, lambda: 0.0)

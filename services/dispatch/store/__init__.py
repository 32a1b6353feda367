"""Dispatch's database. Verbs on an open transaction; the only place that speaks SQL."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"

# Channels of NOTIFY. What rings on them only saves waiting: everyone polls behind it.
PLANS = "plans"
PARCELS = "parcels"
ENDINGS = "endings"
HALTS = "halts"
OUTBOX = "outbox"

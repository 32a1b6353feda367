"""Are dispatch's keys replaced while all goes on, and can the old one then be forgotten?"""

import asyncio
import base64
import os
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.webhooks import EventKind, Keyring, SigningSecret, Webhook
from services.dispatch.rotation import rotate
from services.dispatch.store import events, webhooks
from services.dispatch.store.tables import webhook_events
from services.kit.keys import KeyFile
from services.kit.vault import Vault, VaultKeyMissing
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP

OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}
BODIES = [b"first", b"second", b"third"]


def a_webhook(app_id: UUID) -> Webhook:
    keyring = Keyring("", (SigningSecret(f"secret of {app_id}"),))
    return Webhook(app_id, "crm", "https://crm.example", EventKind(1), "", keyring, NOON, NOON)


async def fill(db: AsyncEngine, vault: Vault, app_id: UUID = APP) -> int:
    """A webhook and events that wait for it, sealed by this vault."""
    async with db.begin() as tx:
        await webhooks.create(tx, vault, a_webhook(app_id))
        number = await webhooks.number_of(tx, app_id, "crm")
        assert number is not None
        drafts = [events.Draft(number, app_id, body, NOON, "") for body in BODIES]
        await events.add(tx, vault, drafts, NOON + timedelta(days=1))
    return number


async def opened(
    db: AsyncEngine, vault: Vault, app_id: UUID, number: int
) -> tuple[Webhook | None, list[bytes]]:
    async with db.connect() as tx:
        kept = await webhooks.find(tx, vault, app_id, "crm")
        due = await events.due(tx, vault, app_id, number, 10)
    return kept, [each.body for each in due]


async def test_everything_is_sealed_anew_and_stays_what_it_was(dispatch_db: AsyncEngine) -> None:
    filled = {app_id: await fill(dispatch_db, Vault(OLD), app_id) for app_id in (APP, OTHER_APP)}

    done = await rotate(dispatch_db, Vault(NEW | OLD), batch=2)
    again = await rotate(dispatch_db, Vault(NEW | OLD))

    assert (done.webhooks, done.events, done.by_key) == (2, 6, {"new": 8})
    assert (again.webhooks, again.events, again.by_key) == (0, 0, {"new": 8})
    for app_id, number in filled.items():
        kept = await opened(dispatch_db, Vault(NEW), app_id, number)
        assert kept == (a_webhook(app_id), BODIES)


async def test_without_the_old_key_nothing_is_lost(dispatch_db: AsyncEngine) -> None:
    number = await fill(dispatch_db, Vault(OLD))

    with pytest.raises(VaultKeyMissing, match="old"):
        await rotate(dispatch_db, Vault(NEW))

    assert (await opened(dispatch_db, Vault(OLD), APP, number))[1] == BODIES


async def test_an_event_that_is_under_way_is_passed_over_and_said_to_be_left(
    dispatch_db: AsyncEngine,
) -> None:
    """Nobody waits for a worker, nor makes one wait."""
    number = await fill(dispatch_db, Vault(OLD))
    async with dispatch_db.begin() as working:
        await working.execute(
            sa.select(webhook_events.c.number)
            .where(webhook_events.c.webhook_id == number)
            .limit(1)
            .with_for_update()
        )
        async with asyncio.timeout(10):
            done = await rotate(dispatch_db, Vault(NEW | OLD))
    rest = await rotate(dispatch_db, Vault(NEW | OLD))

    assert (done.events, done.by_key) == (2, {"new": 3, "old": 1})
    assert (rest.events, rest.by_key) == (1, {"new": 4})


def pair(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(key_id[:1].encode() * 32).decode()}"


async def test_an_operator_rotates_by_a_command(
    dispatch_db: AsyncEngine, dispatch_url: str
) -> None:
    await fill(dispatch_db, Vault(OLD))

    missing = await command(dispatch_url, pair("new"))
    done = await command(dispatch_url, pair("new"), pair("old"))

    assert missing == (1, "the encryption key 'old' is not configured\n")
    assert done == (
        0,
        "Sealed anew by new: 1 webhooks, 3 events. Sealed now, by key: new: 4.\n",
    )


async def command(url: str, *keys: str) -> tuple[int, str]:
    environment = {
        "DATABASE_URL": url,
        "REGISTRY_ADDRESS": "127.0.0.1:1",
        "TARGETING_ADDRESS": "127.0.0.1:1",
        "ENCRYPTION_KEYS": ",".join(keys),
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.dispatch", "rotate-keys"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def test_a_key_file_that_changes_needs_no_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(pair("old") + "\n")
    file = KeyFile(path)
    vault = Vault(file.read(), file.reread)
    before = vault.seal(b"x", APP, "kind")
    path.write_text(f"{pair('new')}, {pair('old')}\n")
    after = vault.seal(b"x", APP, "kind")
    path.write_text("nonsense")
    amiss = vault.seal(b"x", APP, "kind")

    assert [each.key_id for each in (before, after, amiss)] == ["old", "new", "new"]
    assert vault.unseal(before, APP, "kind") == vault.unseal(after, APP, "kind") == b"x"

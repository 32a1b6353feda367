"""Are the vault's keys replaced while all goes on, and can the old one then be forgotten?"""

import asyncio
import base64
import os
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.vault import Vault, VaultKeyMissing
from services.registry.domain.gateway import (
    FcmSettings,
    GatewayConfiguration,
    GatewayDraft,
    GatewayKind,
    SafariSettings,
)
from services.registry.domain.vapid import new_pair
from services.registry.expiries import Expiries
from services.registry.rotation import rotate
from services.registry.store import gateways
from tests.conftest import NOON
from tests.registry.world import KEY, PEPPER, Clock, Stubs, put_app

OLD, NEW, OTHER = {"old": b"o" * 32}, {"new": b"n" * 32}, {"other": b"x" * 32}
DRAFTS = [
    GatewayDraft(kind, FcmSettings("1", "acme", "legacy", "account"))
    for kind in (GatewayKind.FCM, GatewayKind.APPEXT_CHROME)
]


async def fill(db: AsyncEngine, vault: Vault) -> tuple[UUID, list[GatewayConfiguration], bytes]:
    """An application with two configurations and a key pair, sealed by this vault."""
    app_id = await put_app(db)
    pair = new_pair()
    async with db.begin() as tx:
        put = [await gateways.put(tx, vault, app_id, draft, NOON) for draft in DRAFTS]
        await gateways.add_vapid_pair(tx, vault, app_id, pair, NOON)
    return app_id, put, pair.private


async def test_everything_is_sealed_anew_and_stays_what_it_was(registry_db: AsyncEngine) -> None:
    filled = [await fill(registry_db, Vault(OLD)) for _ in range(3)]

    done = await rotate(registry_db, Vault(NEW | OLD), batch=2)
    again = await rotate(registry_db, Vault(NEW | OLD))

    assert (done.configurations, done.vapid_keys, done.by_key) == (6, 3, {"new": 9})
    assert (again.configurations, again.vapid_keys) == (0, 0)
    async with registry_db.connect() as tx:
        for app_id, put, private in filled:
            assert await gateways.read_all(tx, Vault(NEW), app_id) == put
            assert await gateways.read_vapid_private_key(tx, Vault(NEW), app_id) == private


async def test_without_the_old_key_nothing_is_lost(registry_db: AsyncEngine) -> None:
    app_id, put, _ = await fill(registry_db, Vault(OLD))

    with pytest.raises(VaultKeyMissing, match="old"):
        await rotate(registry_db, Vault(NEW))

    async with registry_db.connect() as tx:
        assert await gateways.read_all(tx, Vault(OLD), app_id) == put


async def test_what_another_key_seals_meanwhile_is_counted(registry_db: AsyncEngine) -> None:
    vault = Vault(NEW | OLD | OTHER)
    await fill(registry_db, Vault(OLD))
    await rotate(registry_db, vault)
    await fill(registry_db, Vault(OTHER))

    async with registry_db.connect() as tx:
        keys_left = (await rotate(registry_db, vault)).by_key
        assert await gateways.read_all(tx, Vault(NEW), await put_app(registry_db)) == []

    assert keys_left == {"new": 6}


async def command(url: str, *keys: str) -> tuple[int, str]:
    """The exit status of `rotate-keys`, as an operator runs it, and what it said."""
    environment = {
        "DATABASE_URL": url,
        "SECRET_PEPPER": PEPPER,
        "ENCRYPTION_KEYS": ",".join(keys),
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.registry",
        "rotate-keys",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_an_operator_rotates_by_a_command(registry_url: str, registry: Stubs) -> None:
    await registry.new_app()
    second = "second:" + base64.b64encode(b"2" * 32).decode()

    missing = await command(registry_url, second)
    done = await command(registry_url, second, KEY)
    alone = await command(registry_url, second)

    assert missing == (1, "the encryption key 'first' is not configured\n")
    assert done[0] == 0
    assert "second: 0 gateway configurations, 1 VAPID keys." in done[1]
    assert done[1].endswith("by key: second: 1.\n")
    assert alone[0] == 0


async def test_certificates_that_end_soon_are_told_of(registry_db: AsyncEngine) -> None:
    clock, vault = Clock(), Vault(OLD)
    app_id = await put_app(registry_db)
    site = SafariSettings("ACME", "https://a/%@", "web.a", "https://a", "x.p12", "chain", "key")
    async with registry_db.begin() as tx:
        ends = NOON + timedelta(days=40)
        draft = GatewayDraft(GatewayKind.WEB_SAFARI, site, ends)
        await gateways.put(tx, vault, app_id, draft, NOON)
    expiries = Expiries(registry_db, clock)

    await expiries.look()
    early = list(expiries._observe_ending(None))  # type: ignore[arg-type]  # unused
    clock.now += timedelta(days=11)
    await expiries.look()
    (late,) = expiries._observe_ending(None)  # type: ignore[arg-type]  # unused
    (count,) = expiries._observe_states(None)  # type: ignore[arg-type]  # unused

    assert early == []
    assert late.value == timedelta(days=29).total_seconds()
    assert late.attributes == {"app_id": str(app_id), "gateway": "web_safari"}
    assert (count.value, count.attributes) == (1, {"gateway": "web_safari", "state": "unverified"})

"""What does a sandbox still know when it is started again?"""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from services.kit import settings as kit_settings
from services.kit.settings import SettingInvalid
from services.sandbox import certificates, identity
from services.sandbox.app import running
from services.sandbox.settings import Listen, Settings
from services.sandbox.subscriptions import Subscriptions
from tests.sandbox.conftest import settings_in

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


async def test_its_credentials_stay_but_for_the_port(kept_state: Path) -> None:
    settings = settings_in(kept_state)
    async with running(settings) as first:
        subscription = first.subscriptions.create()
    async with running(settings) as second:
        found = second.subscriptions.find(subscription.id)

    assert first.gateway_url != second.gateway_url
    assert found is not None
    assert found.token(second.gateway_url) == subscription.token(second.gateway_url)
    assert second.credentials["apns"] == first.credentials["apns"]
    account = second.credentials["fcm"]["serviceAccount"]
    before = first.credentials["fcm"]["serviceAccount"]
    assert account["private_key"] == before["private_key"]
    assert account["token_uri"] == f"{second.gateway_url}/token"


def test_private_files_are_private(kept_state: Path) -> None:
    certificates.obtain(kept_state, "localhost", datetime.now(UTC))
    identity.obtain(kept_state)
    with Subscriptions(kept_state / "subscriptions.jsonl"):
        pass
    readable_by_others = {
        path.name for path in kept_state.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077
    }

    assert readable_by_others == {"ca.pem", "server.pem"}


def test_a_subscription_that_ended_stays_gone(tmp_path: Path) -> None:
    path = tmp_path / "subscriptions.jsonl"
    with Subscriptions(path) as subscriptions:
        subscription = subscriptions.create(server_key=b"\x04" * 65, prefix="dead-")
        subscriptions.end(subscription)
    with Subscriptions(path) as again:
        found = again.find(subscription.id)

    assert found is not None
    assert found.is_gone
    assert found.id.startswith("dead-")
    assert (found.auth, found.server_key) == (subscription.auth, b"\x04" * 65)
    assert len(path.read_text().splitlines()) == 1


def test_a_line_cut_short_by_a_crash_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "subscriptions.jsonl"
    with Subscriptions(path) as subscriptions:
        kept = subscriptions.create()
        lost = subscriptions.create()
    path.write_bytes(path.read_bytes()[:-20])
    with capture_logs() as logs, Subscriptions(path) as again:
        assert again.find(kept.id)
        assert not again.find(lost.id)

    assert logs == [{"event": "subscription skipped", "line": 2, "log_level": "warning"}]


def test_a_certificate_is_kept_until_it_is_nearly_over(tmp_path: Path) -> None:
    issued = certificates.obtain(tmp_path, "localhost", NOON)
    first = issued.server_file.read_bytes()
    certificates.obtain(tmp_path, "localhost", NOON + timedelta(days=300))
    assert issued.server_file.read_bytes() == first
    authority = issued.ca_file.read_bytes()
    certificates.obtain(tmp_path, "localhost", NOON + timedelta(days=340))

    assert issued.server_file.read_bytes() != first
    assert issued.ca_file.read_bytes() == authority


def test_another_name_gets_another_certificate(tmp_path: Path) -> None:
    certificates.obtain(tmp_path, "localhost", NOON)
    issued = certificates.obtain(tmp_path, "sandbox.acme.example", NOON)
    server = x509.load_pem_x509_certificate(issued.server_file.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert names.get_values_for_type(x509.DNSName) == ["localhost", "sandbox.acme.example"]


def test_keys_are_made_once(kept_state: Path) -> None:
    first, second = identity.obtain(kept_state), identity.obtain(kept_state)

    assert first.names == second.names
    assert first.apns_pem() == second.apns_pem()


def test_the_credentials_can_be_written_as_json(kept_state: Path) -> None:
    account = identity.obtain(kept_state).service_account("https://localhost:8443")

    assert json.loads(json.dumps(account))["token_uri"] == "https://localhost:8443/token"


def test_settings_have_working_defaults() -> None:
    told = kit_settings.read(Settings, {})

    assert told.listen() == Listen("127.0.0.1", 8090)
    assert told.gateway_listen() == Listen("127.0.0.1", 8443)


def test_settings_are_read_from_the_environment() -> None:
    told = kit_settings.read(
        Settings, {"SANDBOX_LISTEN": "[::1]:0", "SANDBOX_KEEP": "5", "SANDBOX_STATE": "x/y"}
    )

    assert (told.listen(), told.sandbox_keep) == (Listen("::1", 0), 5)
    assert told.sandbox_state == Path("x/y")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SANDBOX_KEEP", "0"),
        ("SANDBOX_KEEP", "many"),
        ("SANDBOX_HOST", "a b"),
        ("SANDBOX_BUNDLE_ID", ""),
    ],
)
def test_a_bad_setting_is_named(variable: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match=variable):
        kit_settings.read(Settings, {variable: text})


@pytest.mark.parametrize("text", ["8090", "localhost:", ":8090", "localhost:x", "localhost:65536"])
def test_a_bad_place_to_listen_is_named(text: str) -> None:
    with pytest.raises(SettingInvalid, match="SANDBOX_LISTEN"):
        replace(Settings(), sandbox_listen=text).listen()

"""What does a development house make of the gateways that its environment names?"""

from pathlib import Path

import pytest

from dev.house import free_ports
from dev.keys import Keys
from dev.rooms import EGRESS, describe
from dev.settings import Databases

KEYS = Keys("operator", "pepper", "dev:key", "dev:key")
URLS = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL", "GATEWAY_FCM_URL")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*URLS, "GATEWAY_CA_FILE", "EGRESS_ALLOW"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def told(state: Path) -> dict[str, str]:
    """What the sender is told."""
    rooms = describe(free_ports(), Databases("r", "t", "d"), KEYS, state)
    return next(room.environment for room in rooms if room.name == "dispatch-sender")


def test_the_sandbox_stands_for_all_of_them(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sender = told(tmp_path)

    assert len({sender[name] for name in URLS}) == 1
    assert sender["GATEWAY_CA_FILE"] == str(tmp_path / "sandbox" / "ca.pem")
    assert sender["EGRESS_ALLOW"] == EGRESS


def test_one_that_is_named_stands_for_itself_alone(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("GATEWAY_FCM_URL", "http://127.0.0.1:9")
    sender = told(tmp_path)

    assert sender["GATEWAY_FCM_URL"] == "http://127.0.0.1:9"
    assert sender["GATEWAY_APNS_URL"].startswith("https://localhost:")


def test_what_it_opens_and_trusts_comes_on_top(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    own.write_text("an authority of one's own")
    environment.setenv("GATEWAY_CA_FILE", str(own))
    environment.setenv("EGRESS_ALLOW", "10.0.0.0/8,gateways.internal")
    sender = told(tmp_path)

    authorities = Path(sender["GATEWAY_CA_FILE"]).read_text()
    assert (tmp_path / "sandbox" / "ca.pem").read_text() in authorities
    assert "an authority of one's own" in authorities
    assert sender["EGRESS_ALLOW"] == f"{EGRESS},10.0.0.0/8,gateways.internal"


def test_a_file_that_is_missing_is_left_for_the_room_to_complain_of(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("GATEWAY_CA_FILE", "/nowhere.pem")

    assert told(tmp_path)["GATEWAY_CA_FILE"] == "/nowhere.pem"

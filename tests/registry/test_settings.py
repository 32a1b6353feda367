"""Which keys does the room start with?"""

import base64
from pathlib import Path
from uuid import uuid4

import pytest

from services.kit.settings import SettingInvalid, read
from services.registry.settings import Settings
from tests.registry.world import KEY, PEPPER

GIVEN = {"DATABASE_URL": "postgresql://x", "SECRET_PEPPER": PEPPER, "ENCRYPTION_KEYS": KEY}
IN_A_FILE = {name: value for name, value in GIVEN.items() if name != "ENCRYPTION_KEYS"}
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
APP = uuid4()
SHORT = base64.b64encode(b"short").decode()


def test_it_needs_a_database_a_pepper_and_a_key() -> None:
    settings = read(Settings, GIVEN)

    settings.make_judge()
    assert settings.make_vault().seal(b"x", uuid4(), "apns").key_id == "first"
    assert settings.listen == "127.0.0.1:50051"


@pytest.mark.parametrize("name", GIVEN)
def test_it_does_not_start_without_one_of_them(name: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read(Settings, {key: value for key, value in GIVEN.items() if key != name})


@pytest.mark.parametrize("pepper", ["", "no base64!", SHORT])
def test_a_weak_pepper_is_refused_without_being_shown(pepper: str) -> None:
    settings = read(Settings, {**GIVEN, "SECRET_PEPPER": pepper})

    with pytest.raises(SettingInvalid, match="SECRET_PEPPER") as refusal:
        settings.make_judge()
    assert not pepper or pepper not in str(refusal.value)


@pytest.mark.parametrize(
    "keys", ["", "no-colon", f"id:{SHORT}", "id:???", f"{KEY},{KEY}", f":{KEY}"]
)
def test_malformed_keys_are_refused(keys: str) -> None:
    with pytest.raises(SettingInvalid, match="ENCRYPTION_KEYS"):
        read(Settings, {**GIVEN, "ENCRYPTION_KEYS": keys}).make_vault()


@pytest.mark.parametrize("text", [KEY, f"\n{KEY}\n", f"{KEY},{KEY.replace('first', 'second')}"])
def test_keys_may_stand_in_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)

    settings = read(Settings, {**IN_A_FILE, "ENCRYPTION_KEYS_FILE": str(file)})

    assert settings.make_vault().first == "first"


@pytest.mark.parametrize("text", ["", "no key", KEY + "\n" + KEY, None])
def test_a_file_without_good_keys_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text)
    settings = read(Settings, {**IN_A_FILE, "ENCRYPTION_KEYS_FILE": str(file)})

    with pytest.raises(SettingInvalid, match="ENCRYPTION_KEYS_FILE") as refusal:
        settings.make_vault()
    assert KEY not in str(refusal.value)


def test_a_file_beside_the_variable_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="Either"):
        read(Settings, {**GIVEN, "ENCRYPTION_KEYS_FILE": "x"})


def test_a_key_that_was_added_to_the_file_is_found_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    vault = read(Settings, {**IN_A_FILE, "ENCRYPTION_KEYS_FILE": str(file)}).make_vault()
    file.write_text(NEW + "\n" + KEY)
    other = read(Settings, {**IN_A_FILE, "ENCRYPTION_KEYS_FILE": str(file)}).make_vault()

    sealed = other.seal(b"x", APP, "apns")
    file.write_text("amiss for a moment")

    assert sealed.key_id == "new"
    assert other.seal(b"x", APP, "apns").key_id == "new"
    file.write_text(NEW + "\n" + KEY)
    assert vault.unseal(sealed, APP, "apns") == b"x"
    assert vault.seal(b"x", APP, "apns").key_id == "new"


def test_keys_are_not_shown_by_accident() -> None:
    settings = read(Settings, GIVEN)

    assert PEPPER not in repr(settings)
    assert KEY not in repr(settings)

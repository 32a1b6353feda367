"""Which keys does the room start with?"""

import base64
from uuid import uuid4

import pytest

from services.kit.settings import SettingInvalid, read
from services.registry.settings import Settings
from tests.registry.world import KEY, PEPPER

GIVEN = {"DATABASE_URL": "postgresql://x", "SECRET_PEPPER": PEPPER, "ENCRYPTION_KEYS": KEY}
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
    settings = read(Settings, {**GIVEN, "ENCRYPTION_KEYS": keys})

    with pytest.raises(SettingInvalid, match="ENCRYPTION_KEYS"):
        settings.make_vault()


def test_keys_are_not_shown_by_accident() -> None:
    settings = read(Settings, GIVEN)

    assert PEPPER not in repr(settings)
    assert KEY not in repr(settings)

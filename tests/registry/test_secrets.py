"""Who is let in by a secret, and what does a stolen row give away?"""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.registry.domain.callers import SecretKind
from services.registry.domain.secrets import (
    Judge,
    StoredSecret,
    new_api_key,
    new_key_id,
    new_secret,
    read_api_key,
)
from tests.conftest import NOON

APP, OTHER = uuid4(), uuid4()
HOUR = timedelta(hours=1)
JUDGE = Judge(b"p" * 32)


def kept(kind: SecretKind, secret: str, **when: object) -> StoredSecret:
    return StoredSecret(kind, JUDGE.digest(APP, kind, secret), **when)  # type: ignore[arg-type]  # only expire_time


def is_let_in(kind: SecretKind, secret: str, stored: list[StoredSecret], app: UUID = APP) -> bool:
    return JUDGE.find(app, kind, secret, stored, NOON) is not None


def test_the_right_secret_is_let_in() -> None:
    stored = [kept(SecretKind.APP, "a"), kept(SecretKind.CLIENT, "c")]

    assert is_let_in(SecretKind.APP, "a", stored)
    assert is_let_in(SecretKind.CLIENT, "c", stored)


def test_a_client_secret_is_no_app_secret() -> None:
    assert not is_let_in(SecretKind.APP, "c", [kept(SecretKind.CLIENT, "c")])


def test_a_row_copied_to_another_application_proves_nothing() -> None:
    assert not is_let_in(SecretKind.APP, "a", [kept(SecretKind.APP, "a")], OTHER)


def test_a_row_written_over_as_another_kind_proves_nothing() -> None:
    digest = JUDGE.digest(APP, SecretKind.CLIENT, "c")

    assert not is_let_in(SecretKind.APP, "c", [StoredSecret(SecretKind.APP, digest)])


def test_another_pepper_knows_none_of_them() -> None:
    stored = [kept(SecretKind.APP, "a")]

    assert Judge(b"q" * 32).find(APP, SecretKind.APP, "a", stored, NOON) is None


def test_old_and_new_are_both_valid_while_one_is_rotated() -> None:
    stored = [kept(SecretKind.APP, "old", expire_time=NOON + HOUR), kept(SecretKind.APP, "new")]

    assert is_let_in(SecretKind.APP, "old", stored)
    assert is_let_in(SecretKind.APP, "new", stored)


def test_an_expired_secret_is_not_valid() -> None:
    assert not is_let_in(SecretKind.APP, "old", [kept(SecretKind.APP, "old", expire_time=NOON)])


@given(some.text(), some.text())
def test_only_the_same_text_is_the_same_secret(one: str, other: str) -> None:
    assert is_let_in(SecretKind.APP, other, [kept(SecretKind.APP, one)]) == (one == other)


@given(some.uuids())
def test_an_api_key_tells_its_application_and_its_id(app: UUID) -> None:
    key_id = new_key_id()

    assert read_api_key(new_api_key(app, key_id)) == (app, key_id)


@given(some.text(max_size=200))
def test_what_is_no_api_key_claims_nothing(text: str) -> None:
    assert read_api_key(text) is None


def test_an_api_key_is_known_by_all_of_its_text() -> None:
    key, other = (new_api_key(APP, "k" * 12) for _ in range(2))
    digest = JUDGE.digest_key(APP, key)

    assert JUDGE.knows_key(APP, key, digest)
    assert not JUDGE.knows_key(APP, other, digest)
    assert not JUDGE.knows_key(OTHER, key, digest)


def test_no_two_secrets_are_alike() -> None:
    made = {new_secret() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(secret) == 43 for secret in made)


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Judge(b"short")

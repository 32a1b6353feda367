"""Who is let in by a secret, and what does a stolen row give away?"""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.registry.domain.application import SecretKind
from services.registry.domain.secrets import Judge, StoredSecret, new_secret
from tests.conftest import NOON

APP, OTHER = uuid4(), uuid4()
HOUR = timedelta(hours=1)
JUDGE = Judge(b"p" * 32)


def kept(kind: SecretKind, secret: str, **when: object) -> StoredSecret:
    return StoredSecret(kind, JUDGE.digest(APP, kind, secret), **when)  # type: ignore[arg-type]  # only expire_time


def test_the_right_secret_is_let_in() -> None:
    stored = [kept(SecretKind.APP, "a"), kept(SecretKind.CLIENT, "c")]
    valid = JUDGE.judge(APP, {SecretKind.APP: "a"}, stored, NOON)

    assert valid == {SecretKind.APP}


def test_each_credential_is_judged_on_its_own() -> None:
    stored = [kept(SecretKind.APP, "a"), kept(SecretKind.CLIENT, "c")]
    shown = {SecretKind.APP: "wrong", SecretKind.CLIENT: "c"}

    assert JUDGE.judge(APP, shown, stored, NOON) == {SecretKind.CLIENT}


def test_a_client_secret_is_no_app_secret() -> None:
    stored = [kept(SecretKind.CLIENT, "c")]

    assert not JUDGE.judge(APP, {SecretKind.APP: "c"}, stored, NOON)


def test_a_row_copied_to_another_application_proves_nothing() -> None:
    stored = [kept(SecretKind.APP, "a")]

    assert not JUDGE.judge(OTHER, {SecretKind.APP: "a"}, stored, NOON)


def test_another_pepper_knows_none_of_them() -> None:
    stored = [kept(SecretKind.APP, "a")]

    assert not Judge(b"q" * 32).judge(APP, {SecretKind.APP: "a"}, stored, NOON)


def test_old_and_new_are_both_valid_while_one_is_rotated() -> None:
    stored = [kept(SecretKind.APP, "old", expire_time=NOON + HOUR), kept(SecretKind.APP, "new")]

    assert JUDGE.judge(APP, {SecretKind.APP: "old"}, stored, NOON)
    assert JUDGE.judge(APP, {SecretKind.APP: "new"}, stored, NOON)


def test_an_expired_secret_is_not_valid() -> None:
    stored = [kept(SecretKind.APP, "old", expire_time=NOON)]

    assert not JUDGE.judge(APP, {SecretKind.APP: "old"}, stored, NOON)


@given(some.text(), some.text())
def test_only_the_same_text_is_the_same_secret(one: str, other: str) -> None:
    stored = [kept(SecretKind.APP, one)]

    assert bool(JUDGE.judge(APP, {SecretKind.APP: other}, stored, NOON)) == (one == other)


def test_no_two_secrets_are_alike() -> None:
    made = {new_secret() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(secret) == 43 for secret in made)


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Judge(b"short")

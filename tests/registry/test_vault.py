"""What opens a sealed secret, and what does not?"""

from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as some

from services.kit.vault import Sealed, Vault, VaultKeyMissing

APP = uuid4()
OLD, NEW = b"o" * 32, b"n" * 32


@given(some.binary())
def test_what_was_sealed_comes_out_as_it_was(plain: bytes) -> None:
    vault = Vault({"old": OLD})

    assert vault.unseal(vault.seal(plain, APP, "apns"), APP, "apns") == plain


def test_the_plain_text_is_not_in_the_box() -> None:
    sealed = Vault({"old": OLD}).seal(b"very secret", APP, "apns")

    assert b"very secret" not in sealed.box


def test_after_a_rotation_the_old_key_still_opens_and_the_new_one_seals() -> None:
    sealed = Vault({"old": OLD}).seal(b"x", APP, "apns")
    rotated = Vault({"new": NEW, "old": OLD})

    assert rotated.unseal(sealed, APP, "apns") == b"x"
    assert rotated.seal(b"x", APP, "apns").key_id == "new"


def test_a_key_that_is_missing_is_named() -> None:
    sealed = Vault({"old": OLD}).seal(b"x", APP, "apns")

    with pytest.raises(VaultKeyMissing, match="old"):
        Vault({"new": NEW}).unseal(sealed, APP, "apns")


def test_moved_to_another_application_it_does_not_open() -> None:
    vault = Vault({"old": OLD})

    with pytest.raises(InvalidTag):
        vault.unseal(vault.seal(b"x", APP, "apns"), uuid4(), "apns")


def test_moved_to_another_kind_it_does_not_open() -> None:
    vault = Vault({"old": OLD})

    with pytest.raises(InvalidTag):
        vault.unseal(vault.seal(b"x", APP, "apns"), APP, "fcm")


def test_altered_it_does_not_open() -> None:
    vault = Vault({"old": OLD})
    sealed = vault.seal(b"x", APP, "apns")
    altered = Sealed(sealed.key_id, sealed.box[:-1] + bytes([sealed.box[-1] ^ 1]))

    with pytest.raises(InvalidTag):
        vault.unseal(altered, APP, "apns")


def test_the_same_text_is_never_sealed_alike() -> None:
    vault = Vault({"old": OLD})

    assert vault.seal(b"x", APP, "apns") != vault.seal(b"x", APP, "apns")


def test_a_vault_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Vault({})

"""Encrypts what a room must be able to read back."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class VaultKeyMissing(Exception):
    """Something was sealed under a key that the room was not given: an operator's error."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with its nonce in front, and which key opens it."""

    key_id: str
    box: bytes


class Vault:
    """AES-256-GCM under the first key; every key opens what it has sealed, so keys can rotate.

    What is sealed is bound to its owner and its kind: moved to another row it does not open.
    `reread` gives the keys as they stand now, or none if that cannot be told: it is asked before
    something is sealed, and when something was sealed by a key that is not known yet.
    """

    def __init__(
        self, keys: Mapping[str, bytes], reread: Callable[[], Mapping[str, bytes]] = dict
    ) -> None:
        if not keys:
            raise ValueError("a vault needs a key")
        self._reread = reread
        self._take(keys)

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return self._first

    def refresh(self) -> None:
        """Go on with the keys as they stand now."""
        keys = self._reread()
        if keys:
            self._take(keys)

    def _take(self, keys: Mapping[str, bytes]) -> None:
        self._first = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def seal(self, plain: bytes, owner: UUID, kind: str) -> Sealed:
        self.refresh()
        nonce = os.urandom(NONCE_BYTES)
        box = self._ciphers[self._first].encrypt(nonce, plain, _binding(owner, kind))
        return Sealed(self._first, nonce + box)

    def unseal(self, sealed: Sealed, owner: UUID, kind: str) -> bytes:
        """The plain text again.

        Raises:
            VaultKeyMissing: if its key is not among ours.
            cryptography.exceptions.InvalidTag: if it was altered or belongs elsewhere.
        """
        if sealed.key_id not in self._ciphers:
            self.refresh()
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise VaultKeyMissing(f"the encryption key {sealed.key_id!r} is not configured")
        nonce, box = sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:]
        return cipher.decrypt(nonce, box, _binding(owner, kind))


def _binding(owner: UUID, kind: str) -> bytes:
    return owner.bytes + kind.encode()

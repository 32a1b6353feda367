"""The keys of the vault, as the deployment names them: in a variable, or in a file."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from services.kit.settings import SettingInvalid
from services.kit.vault import KEY_BYTES, Vault

log = structlog.get_logger()


def open_vault(pairs: Iterable[str], file: str) -> Vault:
    """A vault under these `id:key` pairs, or under those in a file, which is followed.

    Raises:
        SettingInvalid: if there is no key, or one that is none.
    """
    if not file:
        return Vault(read("ENCRYPTION_KEYS", pairs))
    followed = KeyFile(Path(file))
    return Vault(followed.read(), followed.reread)


def read(name: str, entries: Iterable[str]) -> Mapping[str, bytes]:
    """Keys by id, the first one first; `name` is the setting that holds them."""
    keys: dict[str, bytes] = {}
    for entry in entries:
        key_id, _, text = entry.partition(":")
        key = decode(name, text)
        if not key_id or len(key) != KEY_BYTES or key_id in keys:
            raise SettingInvalid(
                f"{name} must be id:key pairs, each id once, each key {KEY_BYTES} bytes in base64."
            )
        keys[key_id] = key
    if not keys:
        raise SettingInvalid(f"{name} must hold at least one key.")
    return keys


class KeyFile:
    """Pairs, one a line or with commas between. Asked before each seal, so read if it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: object = None

    def read(self) -> Mapping[str, bytes]:
        try:
            self._seen = self._look()
            text = self._path.read_text()
        except (OSError, UnicodeDecodeError):
            raise SettingInvalid(
                f"ENCRYPTION_KEYS_FILE {str(self._path)!r} cannot be read."
            ) from None
        entries = [entry.strip() for line in text.splitlines() for entry in line.split(",")]
        return read("ENCRYPTION_KEYS_FILE", filter(None, entries))

    def reread(self) -> Mapping[str, bytes]:
        """Empty if it is what it was, or amiss for a moment: the keys then stay as they are."""
        try:
            return {} if self._look() == self._seen else self.read()
        except (OSError, SettingInvalid) as error:
            log.warning("keys.unreadable", error=str(error))
            return {}

    def _look(self) -> object:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size


def decode(name: str, text: str) -> bytes:
    """What the setting of this name holds in base64.

    Raises:
        SettingInvalid: if it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SettingInvalid(f"{name} is not base64.") from None

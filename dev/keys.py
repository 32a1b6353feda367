"""The secrets of a development house: made once, kept in its state folder for its owner alone."""

import base64
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Keys:
    operator_key: str
    secret_pepper: str
    encryption_key: str


def load_keys(folder: Path) -> Keys:
    """The keys of this house, made if it has none yet."""
    file = folder / "keys.json"
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Keys)
    keys = Keys(secrets.token_urlsafe(32), _random_base64(), f"dev:{_random_base64()}")
    write_private(file, msgspec.json.format(msgspec.json.encode(asdict(keys))))
    return keys


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as output:
        output.write(content)
    draft.rename(file)


def _random_base64() -> str:
    return base64.b64encode(os.urandom(32)).decode()

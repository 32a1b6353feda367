"""The secrets of a development house: made once, kept in its state folder for its owner alone."""

import base64
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Keys:
    operator_key: str
    secret_pepper: str
    encryption_key: str
    # Empty in a folder from before there were tokens.
    token_key: str = ""


def load_keys(folder: Path) -> Keys:
    """The keys of this house, made if it has none yet."""
    file = folder / "keys.json"
    if file.exists():
        keys = msgspec.json.decode(file.read_bytes(), type=Keys)
        if keys.token_key:
            return keys
        keys = replace(keys, token_key=_new_token_key())
    else:
        operator_key, encryption_key = secrets.token_urlsafe(32), f"dev:{_random_base64()}"
        keys = Keys(operator_key, _random_base64(), encryption_key, _new_token_key())
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


def _new_token_key() -> str:
    return f"dev:{_random_base64()}"


def _random_base64() -> str:
    return base64.b64encode(os.urandom(32)).decode()

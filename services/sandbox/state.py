"""Files that outlive a restart: written whole or not at all, private unless said otherwise."""

import os
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def open_folder(folder: Path) -> Path:
    """Create the folder, private, unless it is there; return it as an absolute path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.resolve()


def keep(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Replace a file in one step, so that a crash leaves the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)

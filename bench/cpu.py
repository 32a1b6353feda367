"""Who spends what: CPU seconds per room, and of PostgreSQL with all its processes; memory."""

from collections.abc import Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types

from dev.house import House

POSTGRES = "postgresql"


def cpu_seconds(house: House) -> dict[str, float]:
    """What each has spent since it started."""
    spent = {name: process_seconds(pid) for name, pid in house.pids().items()}
    spent[POSTGRES] = postgres_seconds(house.place.postgres_folder)
    return spent


def process_seconds(pid: int) -> float:
    """What a process has spent since it started, without its children."""
    return _own(psutil.Process(pid))


def postgres_seconds(folder: Path) -> float:
    """What the server of this folder has spent since it started."""
    return _whole(psutil.Process(_postmaster(folder)))


def differences(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def peak_mib(house: House) -> dict[str, float]:
    """The most memory that each room's process has had at once."""
    return {name: _peak(pid) for name, pid in house.pids().items()}


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) / 1024


def _postmaster(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    own: float = times.user + times.system
    return own


def _whole(process: psutil.Process) -> float:
    """A process, its children, and those of its children that have ended."""
    alive = sum(map(_own_if_alive, process.children()))
    # Read last: whoever has ended since is in it.
    times = process.cpu_times()
    ended: float = times.children_user + times.children_system
    return _own(process) + ended + alive


def _own_if_alive(process: psutil.Process) -> float:
    """An autovacuum worker may end between the list and the look."""
    try:
        return _own(process)
    except psutil.NoSuchProcess:
        return 0.0

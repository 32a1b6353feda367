"""The server that benchmarks of gateways ask: nginx, which answers as each gateway does."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from services.sandbox.certificates import Certificates

START_SECONDS = 10.0
CONFIGURATION = Template("""
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log error;
events { worker_connections 4096; }
http {
    log_format paths '$$uri';
    log_format times '$$msec $$uri';
    map $$uri $$is_timed { default 0; "~$timed" 1; }
    access_log $log;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    keepalive_requests $leaves_after;
    http2_max_concurrent_streams $streams;
    server {
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate $certificate;
        ssl_certificate_key $key;
        ssl_session_tickets off;
        location /3/device/ { add_header apns-id $$http_apns_id; return 200; }
        location /push/ { return 201; }
        location /v1/ {
            default_type application/json;
            return 200 '{"name":"projects/acme-bank-demo/messages/1"}';
        }
        location /token {
            default_type application/json;
            return 200 '{"access_token":"bench","expires_in":3600,"token_type":"Bearer"}';
        }
    }
}
""")


@contextmanager
def serve(
    folder: Path,
    issued: Certificates,
    *,
    leaves_after: int = 100_000_000,
    streams: int = 1000,
    log: Path | None = None,
    timed: str = "",
) -> Iterator[int]:
    """Serve until leaving, on a port that is free; a connection is left after so many requests.

    `log` takes the path of each request, a line each, half a second late at most; with `timed`, a
    pattern, only of those that fit, and the time of each before it.

    Raises:
        FileNotFoundError: if there is no nginx on this machine.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise FileNotFoundError("the benchmark of gateways needs nginx (apt-get install nginx)")
    port = _find_port()
    file = folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.substitute(
            folder=folder,
            port=port,
            certificate=issued.server_file,
            key=issued.server_key_file,
            leaves_after=leaves_after,
            streams=streams,
            log=_describe_log(log, timed),
            timed=timed or "^$",
        )
    )
    process = subprocess.Popen([program, "-p", folder, "-c", file])  # noqa: S603
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _describe_log(log: Path | None, timed: str) -> str:
    if log is None:
        return "off"
    form = "times" if timed else "paths"
    return f"{log} {form} buffer=64k flush=500ms" + (" if=$is_timed" if timed else "")


def _find_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nginx does not start")

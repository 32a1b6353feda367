"""HTTP/1.1 as clients write it: request lines with raw bytes in them, and bounds on every head.

What cannot be read at all is refused as everything else is: with a JSON object and a request id.
"""

import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_from_bytes

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.edge import problems
from services.edge.problems import Problem

log = structlog.get_logger()

MAX_LINE = 16 * 1024
MAX_HEAD = 64 * 1024
PRINTABLE = bytes(range(0x21, 0x7F))
SPACES = 2
# Who is refused in the middle of sending would lose the answer if the line closed at once.
LINGER_SECONDS = 1.0


class Protocol(HttpToolsProtocol):
    """Reads a request's first line itself, and leaves the rest to the parser."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*given, **named)
        # What has come of the line with which the next request begins; None within a request.
        self._line: bytes | None = b""
        self._is_head = True
        self._received = 0
        self._refusal: Problem | None = None
        self._is_refused = False

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._line is not None:
            data = self._line + data
            end = data.find(b"\n", 0, MAX_LINE)
            if end < 0:
                self._await_line(data)
                return
            data = mend(data[:end]) + data[end:]
            self._line = b""
        self._received += len(data)
        super().data_received(data)
        if self._is_head and self._received > MAX_HEAD and not self._is_refused:
            self._refuse(problems.head_too_large(MAX_HEAD))

    def _await_line(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._line = data
        if len(data) >= MAX_LINE:
            self._refuse(problems.target_too_long(MAX_LINE))

    def on_message_begin(self) -> None:
        self._line, self._is_head = None, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_head = False
        if self._received > MAX_HEAD and sum(map(_measure, self.headers)) > MAX_HEAD:
            self._refusal = problems.head_too_large(MAX_HEAD)
            # Whatever is raised here ends in send_400_response.
            raise ValueError("head too large")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._line, self._received = b"", 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gives up."""
        del msg
        self._refuse(self._refusal or problems.malformed_http())

    def _refuse(self, problem: Problem) -> None:
        request_id = str(uuid.uuid4())
        log.info("request.unreadable", status=problem.status, request_id=request_id)
        self._is_refused = True
        # An answer that has begun can only be cut off.
        if not self._is_answering():
            self.transport.write(_write(problem, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.response_started and not cycle.response_complete


def mend(line: bytes) -> bytes:
    """Percent-encode what some clients leave raw in a target: blanks, and letters beyond ASCII."""
    if line.isascii() and line.count(b" ") == SPACES and b"\t" not in line:
        return line
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not target or not version.startswith(b"HTTP/"):
        return line
    encoded = quote_from_bytes(target, safe=PRINTABLE).encode()
    return b" ".join((method, encoded, version))


def _measure(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])


def _write(problem: Problem, request_id: str) -> bytes:
    answer = problem.to_response()
    answer.headers["X-Request-Id"] = request_id
    answer.headers["Connection"] = "close"
    # Nobody could read the origin, and the sentence tells nothing about anybody.
    answer.headers["Access-Control-Allow-Origin"] = "*"
    head = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n".encode()
    lines = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
    return head + lines + b"\r\n" + bytes(answer.body)

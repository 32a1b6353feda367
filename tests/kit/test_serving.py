"""What does a caller see of a fault, of a bug, and of a process that comes and goes?"""

import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy.exc import OperationalError

from services.kit.client import RemoteFault, open_channel, read_fault
from services.kit.faults import Code, Fault, FieldInvalid, StoreUnavailable
from services.kit.process import House
from services.kit.server import new_server, serve

METHOD = "/carillon.test.v1.EchoService/Echo"


class TagMissing(Fault):
    code = Code.NOT_FOUND
    reason = "TAG_NOT_FOUND"


class Echo:
    """A service of one method that raises what it is told to, or says back what it heard."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def answer(self, request: bytes, _context: object) -> bytes:
        if self.error is not None:
            raise self.error
        return request


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as opened:
        yield opened


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def call(house: House, echo: Echo) -> Callable[..., Any]:
    server = new_server("test")
    handler: Any = grpc.unary_unary_rpc_method_handler(echo.answer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("carillon.test.v1.EchoService", {"Echo": handler}),)
    )
    port = await serve(house, server, "127.0.0.1:0", ["carillon.test.v1.EchoService"])
    channel = open_channel(house, f"127.0.0.1:{port}")
    method: Callable[..., Any] = channel.unary_unary(METHOD)
    return method


async def refusal(call: Callable[..., Any]) -> RemoteFault:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"hello", timeout=5)
    return read_fault(refused.value)


async def test_what_goes_well_is_answered(call: Callable[..., Any]) -> None:
    assert await call(b"hello", timeout=5) == b"hello"


async def test_a_fault_arrives_with_its_reason_and_facts(
    call: Callable[..., Any], echo: Echo
) -> None:
    echo.error = TagMissing("no tag has this name", tag_name="news")
    fault = await refusal(call)

    assert fault.code is grpc.StatusCode.NOT_FOUND
    assert (fault.domain, fault.reason) == ("test.carillon", "TAG_NOT_FOUND")
    assert fault.facts == {"tag_name": "news"}


async def test_an_invalid_field_is_named(call: Callable[..., Any], echo: Echo) -> None:
    echo.error = FieldInvalid("device.user_id", "must be at most 254 characters, not 300")
    fault = await refusal(call)

    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fault.violations == (("device.user_id", "must be at most 254 characters, not 300"),)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), OperationalError("x", {}, OSError())])
async def test_a_database_that_is_away_is_no_bug(
    call: Callable[..., Any], echo: Echo, error: Exception
) -> None:
    echo.error = error
    fault = await refusal(call)

    assert fault.is_outage
    assert fault.reason == StoreUnavailable.reason


async def test_a_bug_shows_nothing_of_itself(call: Callable[..., Any], echo: Echo) -> None:
    echo.error = KeyError("the secret of the house")
    fault = await refusal(call)

    assert fault == RemoteFault(grpc.StatusCode.INTERNAL, "internal error")


async def test_a_taken_port_is_told_in_one_sentence(house: House) -> None:
    port = await serve(house, new_server("test"), "127.0.0.1:0", [])
    with pytest.raises(OSError, match=f"Cannot listen on 127.0.0.1:{port}"):
        await serve(house, new_server("test"), f"127.0.0.1:{port}", [])


PROCESS = """
from services.kit.process import run
from services.kit.server import new_server, serve
async def build(house):
    print(await serve(house, new_server("test"), "127.0.0.1:0", []), flush=True)
    if {fails}:
        async def fail():
            raise RuntimeError("engine")
        house.keep_running("engine", fail())
run(build)
"""


async def test_a_process_serves_until_it_is_told_to_end() -> None:
    script = PROCESS.format(fails=False)
    process = await create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    assert process.stdout is not None
    lines = [await process.stdout.readline(), await process.stdout.readline()]
    port = next(int(line) for line in lines if line.strip().isdigit())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    process.send_signal(signal.SIGTERM)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert await process.wait() == 0


async def test_a_process_ends_with_its_engine() -> None:
    script = PROCESS.format(fails=True)
    process = await create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    await process.communicate()

    assert process.returncode == 1

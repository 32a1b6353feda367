"""How a call was refused."""

from collections.abc import AsyncIterable, Awaitable
from typing import Any, TypeVar

import grpc
import pytest

from services.kit.client import RemoteFault, read_fault

A = TypeVar("A")


async def refused(call: Awaitable[Any]) -> RemoteFault:
    """The fault that a call ends in; a test fails if it ends in none."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return read_fault(failure.value)


async def gather(answers: AsyncIterable[A]) -> list[A]:
    """All answers of a stream."""
    return [answer async for answer in answers]


def said(fault: RemoteFault) -> tuple[str, str, str]:
    """The code, the reason and the first field complained of."""
    field = fault.violations[0][0] if fault.violations else ""
    return fault.code.name, fault.reason, field

"""Which of a name's addresses is connected to: the first that answers (RFC 8305)."""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest

# An address that is silent for so long has another tried beside it (RFC 8305 §5).
HEAD_START_SECONDS = 0.25


def interleave(addresses: Sequence[str]) -> list[str]:
    """The same, by turns of either family (§4): where one of them leads nowhere, all of it does."""
    first = [each for each in addresses if _is_ipv6(each) == _is_ipv6(addresses[0])]
    second = [each for each in addresses if each not in first]
    return [each for each in chain(*zip_longest(first, second)) if each is not None]


async def race(addresses: Sequence[str], port: int) -> tuple[str, socket.socket]:
    """The address that connected first, and its socket; the others are closed.

    Raises:
        OSError: of the last that failed, if none connects.
    """
    attempts: dict[asyncio.Task[socket.socket], str] = {}
    left = list(addresses)
    try:
        while True:
            if left:
                address = left.pop(0)
                attempts[asyncio.create_task(_connect(address, port))] = address
            wait = HEAD_START_SECONDS if left else None
            pending = [each for each in attempts if not each.done()]
            done, _ = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            won = next((each for each in done if each.exception() is None), None)
            if won is not None:
                return attempts.pop(won), won.result()
            if not left and len(done) == len(pending):
                await done.pop()
    finally:
        await _give_up(attempts)


async def _connect(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if _is_ipv6(address) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(0)
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


async def _give_up(attempts: dict[asyncio.Task[socket.socket], str]) -> None:
    for each in attempts:
        each.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


def _is_ipv6(address: str) -> bool:
    return ":" in address

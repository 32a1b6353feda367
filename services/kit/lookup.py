"""Judges an URL before it is kept: by what its host leads to now."""

import asyncio
import socket
from urllib.parse import urlsplit

from services.kit.egress import EgressGuard

LOOKUP_SECONDS = 1.0


async def leads_out(guard: EgressGuard, url: str) -> bool:
    """Whether requests to `url` would be let through; a name that is not known now may be later.

    Each connection is judged again: a name may lead elsewhere by then.
    """
    if not guard.admits_url(url):
        return False
    host = urlsplit(url).hostname or ""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        return True
    return all(guard.admits_connection(host, str(address[0])) for *_, address in found)

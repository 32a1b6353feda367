"""A back end that asks until it is answered: with the same key, so that it sends once."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from dev.demo import Demo

AGAIN_SECONDS = 0.1
# Of one call: the longest outage that a back end must sit out.
PATIENCE_SECONDS = 90.0
BETWEEN_SECONDS = 0.1
PAGE = 500
ENDED = {"DISPATCHED", "DISPATCHING_FAILED", "FAILED", "PROCESSING_FAILED"}


class BackEnd:
    """Of one application. Calls outlive whatever happens to the house."""

    def __init__(self, client: httpx.AsyncClient, demo: Demo) -> None:
        self._client = client
        self._demo = demo

    async def send(self, body: Mapping[str, Any]) -> str:
        """The id of the message, once it is accepted."""
        key = {"Idempotency-Key": secrets.token_hex(16)}
        answer = await self._insist("POST", "/messages", json=body, headers=key)
        message_id: str = answer["messageId"]
        return message_id

    async def send_to_each(self, device_ids: Iterator[str], enough: asyncio.Event) -> list[str]:
        """A message to one device after the other, until it is enough; their ids."""
        accepted = []
        for device_id in device_ids:
            if enough.is_set():
                break
            body = {"message": {"alert": "For you alone"}, "target": {"deviceIds": [device_id]}}
            accepted.append(await self.send(body))
            await asyncio.sleep(BETWEEN_SECONDS)
        return accepted

    async def has_ended(self, message_id: str, seconds: float) -> bool:
        """Whether it comes to an end within this time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            answer = await self._insist("GET", f"/messages/{message_id}/status")
            if answer["status"] in ENDED:
                return True
            await asyncio.sleep(AGAIN_SECONDS)
        return False

    async def outcomes(self, message_id: str) -> list[tuple[str, str]]:
        """(deviceId, status) of every entry of the ledger, in its order."""
        found: list[tuple[str, str]] = []
        path = f"/messages/{message_id}/deliverystatus?size={PAGE}"
        while path:
            answer = await self._insist("GET", path)
            found += [(each["deviceId"], each["status"]) for each in answer["deliveryStatus"]]
            following = answer["pageInfo"].get("next", "")
            path = following.partition(self._demo.app_id)[2]
        return found

    async def _insist(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **sent: Any,  # noqa: ANN401  httpx's own
    ) -> Any:  # noqa: ANN401  JSON
        asked = {"appSecret": self._demo.app_secret, **(headers or {})}
        url = f"/imfpush/v1/apps/{self._demo.app_id}{path}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self._client.request(method, url, headers=asked, **sent)
                except httpx.TransportError:
                    answer = None
                if answer is not None and not answer.is_server_error:
                    return answer.raise_for_status().json()
                await asyncio.sleep(AGAIN_SECONDS)

"""Mozilla's push service as Firefox speaks to it: a WebSocket to the browser, HTTP to senders.

Source: Mozilla's autopush documentation, "Push Service WebSocket Protocol".
"""

import asyncio
import base64
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

DECRYPTED = 100


class Autopush:
    """For one browser. `acknowledged` are the codes it gave: 100 delivered, 101 not decrypted."""

    def __init__(self) -> None:
        self.base = ""
        self.acknowledged: asyncio.Queue[int] = asyncio.Queue()
        self.requests: list[dict[str, str]] = []
        self._browser: WebSocket | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            WebSocketRoute("/push", self._speak),
            Route("/wpush/v2/{channel}", self._take, methods=["POST"]),
        ]

    async def _speak(self, browser: WebSocket) -> None:
        await browser.accept(subprotocol="push-notification")
        self._browser = browser
        try:
            while True:
                await self._answer(browser, await browser.receive_json())
        except WebSocketDisconnect:
            self._browser = None

    async def _answer(self, browser: WebSocket, said: dict[str, Any]) -> None:
        match said.get("messageType"):
            case "hello":
                known = said.get("uaid") or secrets.token_hex(16)
                hello = {"messageType": "hello", "status": 200, "uaid": known}
                await browser.send_json({**hello, "use_webpush": True, "broadcasts": {}})
            case "register":
                channel = said["channelID"]
                endpoint = f"{self.base}wpush/v2/{channel}"
                made = {"messageType": "register", "channelID": channel, "status": 200}
                await browser.send_json({**made, "pushEndpoint": endpoint})
            case "ack":
                for update in said["updates"]:
                    self.acknowledged.put_nowait(update["code"])
            case None:
                await browser.send_json({})

    async def _take(self, request: Request) -> Response:
        """A sender's POST becomes a notification to the browser."""
        if self._browser is None:
            return Response(status_code=503)
        self.requests.append(dict(request.headers))
        body = base64.urlsafe_b64encode(await request.body()).rstrip(b"=").decode()
        await self._browser.send_json(
            {
                "messageType": "notification",
                "channelID": request.path_params["channel"],
                "version": secrets.token_hex(8),
                "data": body,
                "headers": {"encoding": request.headers["content-encoding"]},
            }
        )
        return Response(
            status_code=201, headers={"location": f"{self.base}m/{secrets.token_hex(8)}"}
        )

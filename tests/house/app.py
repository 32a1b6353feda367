"""One application as its owner, its back end and its devices use it over REST."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from dev.demo import Demo
from tests.house.sandbox import Sandbox
from tests.house.waiting import LIMIT_SECONDS, until

ENDED = {"DISPATCHED", "DISPATCHING_FAILED", "FAILED", "PROCESSING_FAILED"}
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Device:
    device_id: str
    platform: str
    token: str


@dataclass(slots=True)
class App:
    """Calls are made as the back end (`appSecret`) or, where apps call, with the `clientSecret`."""

    client: httpx.AsyncClient
    sandbox: Sandbox
    demo: Demo
    # Texts of which no log line may show one.
    secrets: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.secrets |= {self.demo.app_secret, self.demo.client_secret, self.demo.api_key}

    @property
    def back_end(self) -> dict[str, str]:
        return {"appSecret": self.demo.app_secret}

    @property
    def any_client(self) -> dict[str, str]:
        return {"clientSecret": self.demo.client_secret}

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        as_client: bool = False,
        **sent: Any,
    ) -> httpx.Response:
        """Ask for a path below the application; `body` is sent as JSON."""
        secret = self.any_client if as_client else self.back_end
        sent["headers"] = secret | sent.get("headers", {})
        if body is not None:
            sent["json"] = body
        url = f"/apps/{self.demo.app_id}{path}"
        return await self.client.request(method, url, **sent)

    async def insist(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask until it goes well: for what is to recover by itself."""
        return await until(lambda: self.ask(method, path, body), lambda answer: answer.is_success)

    async def read(self, path: str) -> Any:
        return (await self.ask("GET", path)).raise_for_status().json()

    async def register(
        self,
        platform: str = "G",
        *,
        behaviour: str = "ok",
        user_id: str | None = None,
        device_id: str = "",
    ) -> Device:
        """A new device at a fresh address, registered as its client does it."""
        token = await self.sandbox.fresh(platform, behaviour)
        device = Device(device_id or f"{platform}-{next(_numbers)}", platform, token)
        await self.vouch(device, user_id=user_id)
        return device

    async def vouch(self, device: Device, *, user_id: str | None = None) -> None:
        """POST the device, for the first time or again."""
        body = {"deviceId": device.device_id, "token": device.token, "platform": device.platform}
        if user_id is not None:
            body["userId"] = user_id
        answer = await self.ask("POST", "/devices", body, as_client=True)
        assert answer.status_code == 201, answer.text

    async def tag(self, name: str, *devices: Device) -> None:
        """A new tag, and these devices subscribed to it."""
        answer = await self.ask("POST", "/tags", {"name": name, "description": "for a test"})
        assert answer.status_code == 201, answer.text
        for device in devices:
            body = {"deviceId": device.device_id, "tagName": name}
            answer = await self.ask("POST", "/subscriptions", body, as_client=True)
            assert answer.status_code == 201, answer.text

    async def send(self, alert: str, **beside: Any) -> str:
        """Send to the `target` in `beside`, or to everybody; the message's id."""
        self.secrets.add(alert)
        answer = await self.ask("POST", "/messages", {"message": {"alert": alert}, **beside})
        assert answer.status_code == 202, answer.text
        message_id: str = answer.json()["messageId"]
        return message_id

    async def ended(self, message_id: str, *, limit: float = LIMIT_SECONDS) -> str:
        """The status of a message, once it is a final one."""

        async def ask() -> str:
            status: str = (await self.read(f"/messages/{message_id}/status"))["status"]
            return status

        return await until(ask, ENDED.__contains__, limit=limit)

    async def outcomes(self, message_id: str) -> dict[str, tuple[str, str]]:
        """The status and failure reason of each device, by its id."""
        path = f"/messages/{message_id}/deliverystatus"
        listed = (await self.read(path))["deliveryStatus"]
        return {
            each["deviceId"]: (each["status"], each.get("failureReason", "")) for each in listed
        }

    async def outcome(self, message_id: str, device: Device) -> str:
        """What came of a message on one device so far."""
        path = f"/messages/{message_id}/deliverystatus?deviceId={device.device_id}"
        (found,) = (await self.read(path))["deliveryStatus"]
        status: str = found["status"]
        return status

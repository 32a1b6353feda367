"""A running sandbox with a sender on one side and a person who looks on at the other."""

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from services.sandbox.premises import Sandbox
from tests.sandbox.senders import JWT_BEARER, AppServer, assertion, encrypt_for, provider_token

ALERT = {"aps": {"alert": {"title": "ACME Bank", "body": "Paid: 12 EUR"}}}


@dataclass(slots=True)
class Stage:
    sandbox: Sandbox
    api: httpx.AsyncClient
    # An independent HTTP/2 client, as a sender would use it.
    gateway: httpx.AsyncClient
    # One for the whole connection, as Apple wants it.
    apns_token: str = ""

    async def fresh(self, gateway: str, behaviour: str = "ok") -> str:
        asked = {"gateway": gateway, "behaviour": behaviour}
        answered = (await self.api.post("/api/tokens", json=asked)).raise_for_status()
        address: str = answered.json()["token"]
        return address

    async def subscribe(self, **asked: str) -> dict[str, str]:
        answered = await self.api.post("/api/subscriptions", json=asked)
        subscription: dict[str, str] = answered.raise_for_status().json()
        return subscription

    async def order(self, **order: Any) -> None:
        (await self.api.put("/api/behaviours", json=order)).raise_for_status()

    async def newest(self, **query: Any) -> dict[str, Any]:
        answered = await self.api.get("/api/notifications", params=query)
        notification: dict[str, Any] = answered.raise_for_status().json()["notifications"][0]
        return notification

    async def send_apns(self, address: str, **headers: str) -> httpx.Response:
        apns = self.sandbox.credentials["apns"]
        self.apns_token = self.apns_token or provider_token(apns, time.time())
        given = {
            "authorization": f"bearer {self.apns_token}",
            "apns-topic": apns["bundleId"],
            "apns-push-type": "alert",
        }
        path = f"/3/device/{address}"
        return await self.gateway.post(path, json=ALERT, headers=given | headers)

    async def ask_access(self) -> httpx.Response:
        account = self.sandbox.credentials["fcm"]["serviceAccount"]
        form = {"grant_type": JWT_BEARER, "assertion": assertion(account, time.time())}
        return await self.gateway.post(account["token_uri"], data=form)

    async def send_fcm(self, address: str, **beside: Any) -> httpx.Response:
        project = self.sandbox.credentials["fcm"]["serviceAccount"]["project_id"]
        access = (await self.ask_access()).raise_for_status().json()["access_token"]
        message = {"token": address, "data": {"alert": "Paid", "payload": '{"nid":"AbC12dEf"}'}}
        return await self.gateway.post(
            f"/v1/projects/{project}/messages:send",
            json={"message": message, **beside},
            headers={"authorization": f"Bearer {access}"},
        )

    async def send_webpush(
        self, subscription: dict[str, str], server: AppServer | None = None
    ) -> httpx.Response:
        headers = {"ttl": "60", "content-encoding": "aes128gcm"}
        if server:
            headers["authorization"] = server.authorization(self.sandbox.gateway_url, time.time())
        body = encrypt_for(subscription["token"], json.dumps({"alert": "Paid"}).encode())
        return await self.gateway.post(subscription["endpoint"], content=body, headers=headers)

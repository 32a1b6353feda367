"""PyPI pywebpush: one after another, over a connection that is kept."""

import asyncio
import json

import requests
from pywebpush import webpush
from task import TASK, measure

SUBSCRIPTIONS = TASK["subscriptions"]
TEXT = json.dumps({name: TASK[name] for name in ("title", "alert", "payload")})


async def main() -> None:
    session = requests.Session()
    session.verify = TASK["ca_file"]

    async def send(subscription: dict[str, object]) -> None:
        webpush(
            subscription,
            TEXT,
            vapid_private_key=TASK["vapid_private"],
            vapid_claims={"sub": "mailto:ops@acme.example"},
            ttl=2_419_200,
            headers={"topic": "AbC12dEf"},
            requests_session=session,
        )

    await measure(send, SUBSCRIPTIONS)


asyncio.run(main())

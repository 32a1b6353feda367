"""PyPI aioapns: many notifications at once over its own pool of connections."""

import asyncio
import ssl

from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsDevelopmentClientProtocol
from task import TASK, measure


async def main() -> None:
    APNsDevelopmentClientProtocol.APNS_SERVER = TASK["host"]
    APNsDevelopmentClientProtocol.APNS_PORT = TASK["port"]
    context = ssl.create_default_context(cafile=TASK["ca_file"])
    context.set_alpn_protocols(["h2"])
    client = APNs(
        key=TASK["apns_key"],
        key_id="KEY1234567",
        team_id="TEAM123456",
        topic="com.acme.bank",
        use_sandbox=True,
        ssl_context=context,
    )
    alert = {"title": TASK["title"], "body": TASK["alert"]}

    async def send(address: str) -> None:
        request = NotificationRequest(
            device_token=address,
            message={"aps": {"alert": alert}, "payload": TASK["payload"]},
            collapse_key="AbC12dEf",
            push_type=PushType.ALERT,
            priority=10,
            time_to_live=2_419_200,
        )
        result = await client.send_notification(request)
        if not result.is_successful:
            raise RuntimeError(result.description)

    await measure(send, TASK["addresses"])


asyncio.run(main())

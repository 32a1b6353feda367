"""How an SDK exchanges its API key for a token; on this host it finds the identity service here."""

from urllib.parse import urlencode

from tests.sdks.conftest import Service
from tests.sdks.line import Answer

API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


async def exchange(service: Service, form: dict[str, str], **headers: str) -> Answer:
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    content = urlencode(form).encode()
    return await service.line.ask("POST", "/identity/token", sent, content=content)

"""The ACME Bank demo application: made over REST like any other, its platforms in the sandbox."""

import base64
import shlex
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec

from dev.keys import write_private
from dev.processes import NotStarted

NAME = "ACME Bank"
REFUSED = 400
WEB_SITE = "https://acme-bank.example"


@dataclass(frozen=True, slots=True)
class Demo:
    """What its owner was shown once; the state folder keeps it for the next start."""

    app_id: str
    app_secret: str
    client_secret: str
    # Empty if it was created before there were API keys.
    api_key: str = ""
    # What a page subscribes with; told by the house at each start.
    server_key: str = ""


def load_demo(folder: Path, edge: str, sandbox: str, operator_key: str) -> Demo:
    """The demo application of this house, created and configured if it has none yet.

    Raises:
        NotStarted: if the house refuses a step.
    """
    file = folder / "demo.json"
    with httpx.Client(base_url=f"{edge}/imfpush/v1", trust_env=False, timeout=10) as client:
        demo = msgspec.json.decode(file.read_bytes(), type=Demo) if file.exists() else None
        if demo is None or not _knows(client, demo):
            demo = _create(client, operator_key)
            write_private(file, msgspec.json.format(msgspec.json.encode(asdict(demo))))
        # Every time: the sandbox may have moved to another port, or made itself new keys.
        _configure(client, demo, _ask_credentials(sandbox))
        return replace(demo, server_key=_read_server_key(client, demo))


def _knows(client: httpx.Client, demo: Demo) -> bool:
    """Whether it is there, and opens to the secret that was kept: it may have been replaced."""
    headers = {"appSecret": demo.app_secret}
    return client.get(f"/apps/{demo.app_id}/settings", headers=headers).is_success


def _create(client: httpx.Client, operator_key: str) -> Demo:
    answer = client.post(
        "/apps", json={"name": NAME}, headers={"Authorization": f"Bearer {operator_key}"}
    )
    document = _expect(answer)
    return Demo(
        document["appGuid"], document["appSecret"], document["clientSecret"], document["apikey"]
    )


def _read_server_key(client: httpx.Client, demo: Demo) -> str:
    path = f"/apps/{demo.app_id}/settings/webpushServerKey"
    answer = client.get(path, headers={"appSecret": demo.app_secret})
    return str(_expect(answer)["webpushServerKey"])


def _ask_credentials(sandbox: str) -> dict[str, Any]:
    credentials: dict[str, Any] = _expect(httpx.get(f"{sandbox}/api/credentials", trust_env=False))
    return credentials


def _configure(client: httpx.Client, demo: Demo, credentials: dict[str, Any]) -> None:
    headers = {"appSecret": demo.app_secret}

    def put(name: str, **sent: Any) -> None:  # noqa: ANN401  httpx's own
        answer = client.put(f"/apps/{demo.app_id}/settings/{name}", headers=headers, **sent)
        if answer.status_code == REFUSED:
            # A gateway that the environment names may refuse what the sandbox gave.
            told = answer.json()["message"]
            sys.stderr.write(f"The demo application goes without {name}: {told}\n")
        else:
            _expect(answer)

    apns, fcm, safari = credentials["apns"], credentials["fcm"], credentials["safari"]
    ids = {name: apns[name] for name in ("keyId", "teamId", "bundleId")}
    put(
        "apnsConf",
        data={**ids, "isSandBox": "true"},
        files={"certificate": ("AuthKey.p8", apns["key"].encode())},
    )
    put("gcmConf", json={"senderId": fcm["senderId"], "serviceAccount": fcm["serviceAccount"]})
    put("chromeAppExtConf", json={"senderId": fcm["senderId"]})
    put("chromeWebConf", json={"webSiteUrl": WEB_SITE, "apiKey": ""})
    put("firefoxWebConf", json={"webSiteUrl": WEB_SITE})
    put(
        "safariWebConf",
        data={
            "password": safari["password"],
            "websiteName": NAME,
            "urlFormatString": f"{WEB_SITE}/%@",
            "websitePushID": safari["websitePushID"],
            "webSiteUrl": WEB_SITE,
        },
        files={"certificate": ("website.p12", base64.b64decode(safari["certificate"]))},
    )


def _expect(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON
    if not answer.is_success:
        raise NotStarted(
            f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: "
            f"{answer.text[:200]}"
        )
    return answer.json()


def write_dev_env(file: Path, variables: dict[str, str]) -> None:
    """Write shell assignments by one rename: whoever finds the file finds it whole."""
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    write_private(file, lines.encode())

"""Which gateways may a deployment name?"""

import base64

import pytest

from services.dispatch.settings import Settings
from services.kit.settings import SettingInvalid, read

GIVEN = {
    "DATABASE_URL": "postgresql://x",
    "REGISTRY_ADDRESS": "127.0.0.1:1",
    "TARGETING_ADDRESS": "127.0.0.1:2",
    "ENCRYPTION_KEYS": f"first:{base64.b64encode(bytes(32)).decode()}",
}
NAMES = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL", "GATEWAY_FCM_URL")


def test_without_a_word_they_are_the_vendors() -> None:
    urls = read(Settings, GIVEN).gateway_urls

    assert urls.apns == "https://api.push.apple.com"
    assert urls.apns_sandbox == "https://api.sandbox.push.apple.com"
    assert urls.fcm == "https://fcm.googleapis.com"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://gateway.example", ""),
        ("https://gateway.example:8443/", ""),
        ("http://127.0.0.1:9000", "127.0.0.0/8"),
        ("http://localhost:9000/", "localhost"),
        ("http://[::1]:9000", "::1/128"),
    ],
)
def test_https_is_taken_and_http_where_the_host_is_allowed(
    name: str, url: str, allowed: str
) -> None:
    urls = read(Settings, {**GIVEN, name: url, "EGRESS_ALLOW": allowed}).gateway_urls

    assert url.rstrip("/") in {urls.apns, urls.apns_sandbox, urls.fcm}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example",
        "http://gateway.example",
        "http://10.0.0.1",
        "ftp://x",
        "https://u:p@x",
    ],
)
def test_anything_else_ends_the_process_at_its_start(name: str, url: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read(Settings, {**GIVEN, name: url, "EGRESS_ALLOW": "127.0.0.0/8,localhost"})


def test_a_file_of_authorities_must_be_there() -> None:
    with pytest.raises(SettingInvalid, match="GATEWAY_CA_FILE"):
        read(Settings, {**GIVEN, "GATEWAY_CA_FILE": "/nowhere.pem"})

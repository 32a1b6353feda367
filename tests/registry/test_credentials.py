"""Which gateway credentials are kept?"""

from typing import Any

import pytest

from services.registry.domain.credentials import (
    CredentialMalformed,
    check_p256_key,
    is_url,
    read_service_account,
)
from tests.registry import keys


def test_a_p8_file_is_kept() -> None:
    check_p256_key(keys.p256())


@pytest.mark.parametrize(
    "pem",
    ["", "no key", keys.p384(), keys.rsa_key(), keys.p256()[:100]],
    ids=["empty", "no key", "another curve", "RSA", "cut off"],
)
def test_any_other_key_is_refused_for_apns(pem: str) -> None:
    with pytest.raises(CredentialMalformed, match="P-256"):
        check_p256_key(pem)


def test_a_service_account_is_kept() -> None:
    account = read_service_account(keys.service_account())

    assert account.project_id == "acme-bank"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"type": "authorized_user"}, "type"),
        ({"project_id": None}, "project_id"),
        ({"project_id": "../../v2"}, "project_id"),
        ({"client_email": ""}, "client_email"),
        ({"private_key": "x"}, "private_key"),
        ({"private_key": keys.p256()}, "private_key"),
        ({"private_key": 7}, "private_key"),
        ({"token_uri": "ftp://oauth2.googleapis.com/token"}, "token_uri"),
        ({"token_uri": "https://"}, "token_uri"),
    ],
)
def test_an_incomplete_service_account_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(CredentialMalformed, match=words):
        read_service_account(keys.service_account(**changed))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"type": "\\ud800"}'])
def test_what_is_no_service_account_at_all_is_refused(text: str) -> None:
    with pytest.raises(CredentialMalformed, match="JSON"):
        read_service_account(text)


def test_a_refusal_does_not_quote_the_key() -> None:
    with pytest.raises(CredentialMalformed) as refusal:
        read_service_account(keys.service_account(private_key="treasure"))

    assert "treasure" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "acme.com", "https:///x", "ftp://x", "https://x:99999", "https://[x"]
)
def test_what_has_no_host_is_no_url(text: str) -> None:
    assert not is_url(text, {"https", "http"})

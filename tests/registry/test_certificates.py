"""Which push certificates are kept, and what is read from them?"""

from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from hypothesis import given, settings
from hypothesis import strategies as some

from services.registry.domain.certificates import PasswordWrong, read_pkcs12
from services.registry.domain.credentials import CredentialMalformed
from tests.conftest import NOON
from tests.registry import keys

DEVELOPMENT, PRODUCTION = "1.2.840.113635.100.6.3.1", "1.2.840.113635.100.6.3.2"
DAY = timedelta(days=1)
# As if 70,000 rounds had been 8,388,607.
COSTLY = keys.p12(rounds=70_000).replace(b"\x02\x03\x01\x11\x70", b"\x02\x03\x7f\xff\xff")
WHOLE = keys.p12()


def test_a_p12_is_opened() -> None:
    leaf = keys.certificate()
    read = read_pkcs12(keys.p12(leaf), "secret", NOON)

    assert read.topic == "com.acme.bank"
    assert read.expire_time == NOON + 365 * DAY
    assert load_pem_x509_certificates(read.chain.encode()) == [leaf]
    assert isinstance(load_pem_private_key(read.private_key.encode(), None), rsa.RSAPrivateKey)
    assert read.private_key not in repr(read)


def test_one_without_a_password_is_opened() -> None:
    assert read_pkcs12(keys.p12(password=""), "", NOON).topic == "com.acme.bank"


@pytest.mark.parametrize(
    ("marks", "good_for"),
    [
        ((), (True, True)),
        ((DEVELOPMENT,), (True, False)),
        ((PRODUCTION,), (False, True)),
        ((DEVELOPMENT, PRODUCTION), (True, True)),
    ],
)
def test_apples_marks_say_which_environment_it_is_for(
    marks: tuple[str, ...], good_for: tuple[bool, bool]
) -> None:
    read = read_pkcs12(keys.p12(keys.certificate(marks=marks)), "secret", NOON)

    assert (read.is_for_sandbox, read.is_for_production) == good_for


@pytest.mark.parametrize(
    ("topic", "name", "expected"),
    [
        ("com.acme.bank", "anything", "com.acme.bank"),
        ("", "Apple Push Services: com.acme.bank", "com.acme.bank"),
        ("", "Website Push ID: web.com.acme", "web.com.acme"),
        ("", "somebody", ""),
        ("no topic", "somebody: no topic either", ""),
    ],
)
def test_the_topic_is_in_its_subject(topic: str, name: str, expected: str) -> None:
    read = read_pkcs12(keys.p12(keys.certificate(topic, name=name)), "secret", NOON)

    assert read.topic == expected


@pytest.mark.parametrize("password", ["", "wrong", "Secret", "pässword"])
def test_a_wrong_password_is_told_from_a_wrong_file(password: str) -> None:
    with pytest.raises(PasswordWrong):
        read_pkcs12(keys.p12(), password, NOON)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "PKCS#12"),
        (b"no certificate", "PKCS#12"),
        (b"\x30", "PKCS#12"),
        (b"\x30\x82\x0a\x0bcut off", "PKCS#12"),
        (b"\x30\x80" * 5000, "PKCS#12"),
        (keys.p256().encode(), "PKCS#12"),
        (keys.p12()[:-100], "PKCS#12"),
        (keys.bare_key_p12(), "certificate"),
        (keys.bare_certificate_p12(), "private key"),
        (keys.p12(keys.certificate(ends=NOON - DAY / 2)), "expired on 2026"),
        (keys.p12(keys.certificate(begins=NOON + DAY)), "not valid before"),
        (COSTLY, "at most 1000000 times"),
    ],
    ids=[
        "empty",
        "text",
        "one byte",
        "cut off",
        "nested",
        "a .p8",
        "cut at the end",
        "key only",
        "certificate only",
        "expired",
        "early",
        "costly",
    ],
)
def test_anything_else_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(CredentialMalformed, match=words) as refusal:
        read_pkcs12(content, "secret", NOON)

    assert not isinstance(refusal.value, PasswordWrong)


@settings(max_examples=50, deadline=None)
@given(some.binary(max_size=200), some.integers(0, 2000))
def test_no_damage_makes_it_more_than_a_refusal(noise: bytes, place: int) -> None:
    damaged = WHOLE[:place] + noise + WHOLE[place + len(noise) :]
    with suppress(CredentialMalformed):
        read_pkcs12(damaged, "secret", NOON)

"""Does the sandbox read what a browser would read, and nothing else?"""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as some

from services.sandbox.encryption import Undecipherable, decrypt
from tests.sandbox.senders import encrypt, point_of, unb64url

AUTH = unb64url("BTBZMqHH6r4Tts7J_aSIgg")


def private_key(scalar: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unb64url(scalar)), ec.SECP256R1())


# The example of RFC 8291, section 5 and appendix A.
RECEIVER = private_key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
SENDER = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SALT = unb64url("DGv6ra1nlYgDCS1FRnbzlw")
BODY = unb64url(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)
PLAINTEXT = b"When I grow up, I want to be a watermelon"


def test_it_reads_the_example_of_the_rfc() -> None:
    assert decrypt(BODY, RECEIVER, AUTH) == PLAINTEXT


def test_the_tests_own_sender_writes_the_example_of_the_rfc() -> None:
    assert encrypt(PLAINTEXT, point_of(RECEIVER), AUTH, sender=SENDER, salt=SALT) == BODY


@given(plaintext=some.binary(max_size=3993), pad=some.integers(0, 80))
def test_it_reads_what_was_written_whatever_the_padding(plaintext: bytes, pad: int) -> None:
    body = encrypt(plaintext, point_of(RECEIVER), AUTH, pad=min(pad, 3993 - len(plaintext)))

    assert decrypt(body, RECEIVER, AUTH) == plaintext


@given(place=some.integers(0, len(BODY) - 1), change=some.integers(1, 255))
def test_a_single_changed_byte_is_never_read(place: int, change: int) -> None:
    # All but the record size, which may be larger without harm.
    if 16 <= place < 20:
        place = 0
    spoilt = bytearray(BODY)
    spoilt[place] ^= change

    with pytest.raises(Undecipherable):
        decrypt(bytes(spoilt), RECEIVER, AUTH)


@given(body=some.binary(max_size=200))
def test_noise_is_refused_and_never_a_crash(body: bytes) -> None:
    with pytest.raises(Undecipherable):
        decrypt(body, RECEIVER, AUTH)


def test_another_browsers_keys_do_not_open_it() -> None:
    with pytest.raises(Undecipherable):
        decrypt(BODY, SENDER, AUTH)


def test_another_authentication_secret_does_not_open_it() -> None:
    with pytest.raises(Undecipherable):
        decrypt(BODY, RECEIVER, bytes(16))


def test_a_record_that_announces_another_is_refused() -> None:
    body = encrypt(PLAINTEXT, point_of(RECEIVER), AUTH, delimiter=b"\x01")

    with pytest.raises(Undecipherable, match="delimiter"):
        decrypt(body, RECEIVER, AUTH)


def test_a_record_longer_than_it_says_is_refused() -> None:
    body = bytearray(BODY)
    body[16:20] = (40).to_bytes(4)

    with pytest.raises(Undecipherable, match="one record"):
        decrypt(bytes(body), RECEIVER, AUTH)

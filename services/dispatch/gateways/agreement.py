"""Agreeing on a secret with a browser: ECDH on P-256, by a key pair that is made for this once.

It is most of what a Web Push costs, and costs least where OpenSSL's functions for points are called
by themselves, without the layers that `cryptography` goes through (docs/adr/0026).
"""

import os
import ssl
from collections.abc import Callable
from ctypes import PyDLL, c_char, c_char_p, c_int, c_size_t, c_void_p
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES, SCALAR_BYTES = 65, 32
# The first octet of a point that is told by both its coordinates (SEC 1 §2.3.3).
UNCOMPRESSED = 4
CURVE, ECDH = ec.SECP256R1(), ec.ECDH()
# Of the curve: how many points it has. It is prime, so all but infinity are of this order.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# OpenSSL's number for the curve, NID_X9_62_prime256v1.
P256 = 415
# BN_FLG_CONSTTIME: the number is a secret.
SECRET = 4
OLDEST = (3, 0)
Octets = c_char * POINT_BYTES


class PointInvalid(ValueError):
    """What the browser gave out is no uncompressed point of P-256."""


class Agreed(NamedTuple):
    """Our public point, which the browser is told, and the secret that both share by it."""

    point: bytes
    secret: bytes


# With the owner of a public point. Raises PointInvalid.
Agree = Callable[[bytes], Agreed]


@cache
def choose_agreement() -> Agree:
    """The quickest that there is here."""
    try:
        return OpenSsl().agree
    except (OSError, AttributeError):
        return agree


def agree(theirs: bytes, scalar: bytes = b"") -> Agreed:
    """By `cryptography`. The private key is fresh unless a test gives it."""
    _check_form(theirs)
    try:
        their_key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs)
    except ValueError:
        raise PointInvalid from None
    if scalar:
        our_key = ec.derive_private_key(int.from_bytes(scalar), CURVE)
    else:
        our_key = ec.generate_private_key(CURVE)
    point = our_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Agreed(point, our_key.exchange(ECDH, their_key))


class OpenSsl:
    """By the OpenSSL that Python's TLS is linked with: who keeps that up to date does it here too.

    These are the multiplications that OpenSSL's own ECDH and key generation consist of, in constant
    time. That a browser's point lies on the curve is checked when it is read, and is enough, since
    the curve has no smaller groups (SP 800-56A rev. 3, §5.6.2.3.4). Each call has memory of its
    own, wiped when it is freed, and keeps the interpreter's lock: to get that back may take longer.

    Raises:
        OSError, AttributeError: if there is no such library, or its functions are out of reach.
    """

    def __init__(self) -> None:
        if ssl.OPENSSL_VERSION_INFO < OLDEST or not ssl.OPENSSL_VERSION.startswith("OpenSSL "):
            raise OSError(f"not made for {ssl.OPENSSL_VERSION}")
        module = find_spec("_ssl")
        if module is None or not module.has_location:
            raise OSError("TLS is a part of the interpreter here")
        # What the module is linked with is searched too.
        library = PyDLL(module.origin)

        def find(name: str, result: type | None, *arguments: type) -> Callable[..., int]:
            function = library[name]
            function.restype, function.argtypes = result, arguments
            return function

        thing, octets, size = c_void_p, c_char_p, c_size_t
        self._read_number = find("BN_bin2bn", thing, octets, c_int, thing)
        self._mark_number = find("BN_set_flags", None, thing, c_int)
        self._free_number = find("BN_clear_free", None, thing)
        self._new_point = find("EC_POINT_new", thing, thing)
        self._free_point = find("EC_POINT_clear_free", None, thing)
        self._read_point = find("EC_POINT_oct2point", c_int, thing, thing, octets, size, thing)
        self._write_point = find(
            "EC_POINT_point2oct", size, thing, thing, c_int, octets, size, thing
        )
        self._multiply = find("EC_POINT_mul", c_int, *[thing] * 6)
        self._clear_errors = find("ERR_clear_error", None)
        self._group = find("EC_GROUP_new_by_curve_name", thing, c_int)(P256)
        if not self._group:
            raise OSError("this OpenSSL has no P-256")

    def agree(self, theirs: bytes, scalar: bytes = b"") -> Agreed:
        """The private key is fresh unless a test gives it."""
        _check_form(theirs)
        number = self._read_number(scalar or draw_scalar(), SCALAR_BYTES, None)
        point = self._new_point(self._group)
        try:
            return self._agree(theirs, number, point)
        except Exception:
            # Else Python's TLS would come upon them, and take them for its own.
            self._clear_errors()
            raise
        finally:
            self._free_point(point)
            self._free_number(number)

    def _agree(self, theirs: bytes, number: int, point: int) -> Agreed:
        if not number or not point:
            raise MemoryError
        self._mark_number(number, SECRET)
        ours = self._product(point, number, None, None)
        if not self._read_point(self._group, point, theirs, POINT_BYTES, None):
            raise PointInvalid
        return Agreed(ours, self._product(point, None, point, number)[1 : 1 + SCALAR_BYTES])

    def _product(self, point: int, *factors: int | None) -> bytes:
        """What `point` becomes: a number times the generator, or a point times a number."""
        written, group = Octets(), self._group
        done = self._multiply(group, point, *factors, None) and self._write_point(
            group, point, UNCOMPRESSED, written, POINT_BYTES, None
        )
        if done != POINT_BYTES:
            raise ArithmeticError("OpenSSL could not multiply")
        return written.raw


def draw_scalar() -> bytes:
    """A private key: every number above 0 and below the order is as likely."""
    while not 0 < int.from_bytes(scalar := os.urandom(SCALAR_BYTES)) < ORDER:
        pass
    return scalar


def _check_form(point: bytes) -> None:
    if len(point) != POINT_BYTES or point[0] != UNCOMPRESSED:
        raise PointInvalid

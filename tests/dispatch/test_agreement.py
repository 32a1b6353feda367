"""Do we and the browser come to one secret, whichever library does it, and only with a point?"""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import PyDLL, c_ulong
from importlib.util import find_spec

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.agreement import (
    CURVE,
    ECDH,
    ORDER,
    POINT_BYTES,
    SCALAR_BYTES,
    OpenSsl,
    PointInvalid,
    agree,
    choose_agreement,
    draw_scalar,
)
from tests.dispatch.agreements import WAYS, Way

PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
# A point with a small x: as large as the field leaves room for, it can be told a second time.
SMALL_X, ITS_Y = 5, 0x459243B9AA581806FE913BCE99817ADE11CA503C64D9A3C533415C083248FBCC
BROWSER = ec.generate_private_key(CURVE)
POINT = BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
COMPRESSED = BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
scalars = some.integers(1, ORDER - 1)


def tell(x: int, y: int) -> bytes:
    return b"\x04" + x.to_bytes(32) + y.to_bytes(32)


@pytest.fixture
def native() -> OpenSsl:
    try:
        return OpenSsl()
    except (OSError, AttributeError) as reason:
        pytest.skip(f"Python's own OpenSSL is out of reach: {reason}")


@pytest.fixture
def unchosen() -> Iterator[None]:
    """What was chosen is chosen anew, and again behind the test."""
    choose_agreement.cache_clear()
    yield
    choose_agreement.cache_clear()


@pytest.mark.parametrize("way", WAYS)
def test_the_browser_comes_to_the_same_secret(way: Way) -> None:
    point, secret = way(POINT)

    ours = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    assert BROWSER.exchange(ECDH, ours) == secret
    assert len(point) == POINT_BYTES


@given(scalars, scalars)
def test_all_ways_agree(browser: int, scalar: int) -> None:
    theirs = ec.derive_private_key(browser, CURVE).public_key()
    point = theirs.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    assert len({way(point, scalar.to_bytes(SCALAR_BYTES)) for way in WAYS}) == 1


@pytest.mark.parametrize("scalar", [1, 2, ORDER - 1])
def test_all_ways_agree_at_the_edges(scalar: int) -> None:
    assert len({way(POINT, scalar.to_bytes(SCALAR_BYTES)) for way in WAYS}) == 1


@pytest.mark.parametrize("way", WAYS)
def test_each_push_has_a_key_pair_of_its_own(way: Way) -> None:
    assert len({way(POINT).point for _ in range(20)}) == 20


def test_a_private_key_is_a_number_that_has_a_point() -> None:
    drawn = {draw_scalar() for _ in range(100)}

    assert len(drawn) == 100
    assert all(0 < int.from_bytes(scalar) < ORDER for scalar in drawn)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00", id="infinity"),
        pytest.param(bytes(POINT_BYTES), id="infinity, padded"),
        pytest.param(b"\x04" + bytes(64), id="zeros"),
        pytest.param(POINT[:-1], id="too short"),
        pytest.param(POINT + b"\x00", id="too long"),
        pytest.param(POINT[1:], id="without its form"),
        pytest.param(COMPRESSED, id="compressed"),
        pytest.param(bytes([6 + POINT[-1] % 2]) + POINT[1:], id="hybrid"),
        pytest.param(POINT[:-1] + bytes([POINT[-1] ^ 1]), id="beside the curve"),
        pytest.param(tell(SMALL_X + PRIME, ITS_Y), id="x above the prime"),
        pytest.param(tell(PRIME, 0), id="x is the prime"),
        pytest.param(b"\x04" + b"\xff" * 64, id="both above the prime"),
    ],
)
def test_what_is_no_point_is_refused(way: Way, point: bytes) -> None:
    with pytest.raises(PointInvalid):
        way(point)


@pytest.mark.parametrize("way", WAYS)
def test_a_point_with_a_small_x_is_one(way: Way) -> None:
    assert len(way(tell(SMALL_X, ITS_Y)).secret) == SCALAR_BYTES


@given(some.binary(min_size=64, max_size=64))
def test_all_ways_refuse_the_same(coordinates: bytes) -> None:
    for way in WAYS:
        with pytest.raises(PointInvalid):
            way(b"\x04" + coordinates)


def test_a_refusal_leaves_nothing_for_tls_to_come_upon(native: OpenSsl) -> None:
    with pytest.raises(PointInvalid):
        native.agree(b"\x04" + b"\x01" * 64)

    module = find_spec("_ssl")
    assert module is not None
    peek = PyDLL(module.origin)["ERR_peek_error"]
    peek.restype = c_ulong
    assert peek() == 0


def test_a_number_without_a_point_is_no_key(native: OpenSsl) -> None:
    with pytest.raises(ArithmeticError):
        native.agree(POINT, ORDER.to_bytes(SCALAR_BYTES))


@pytest.mark.parametrize("way", WAYS)
def test_threads_do_not_disturb_each_other(way: Way) -> None:
    drawn = [draw_scalar() for _ in range(200)]

    with ThreadPoolExecutor(8) as threads:
        agreed = list(threads.map(lambda scalar: way(POINT, scalar), drawn))

    assert agreed == [agree(POINT, scalar) for scalar in drawn]


@pytest.mark.usefixtures("unchosen")
def test_pythons_own_openssl_is_chosen_where_it_can_be_reached(native: OpenSsl) -> None:
    assert getattr(choose_agreement(), "__self__", None).__class__ is type(native)


@pytest.mark.usefixtures("unchosen")
@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("LibreSSL 4.0.0", (4, 0, 0, 0, 0)),
        ("OpenSSL 1.1.1w  11 Sep 2023", (1, 1, 1, 23, 15)),
        ("AWS-LC 1.40.0", (1, 1, 1, 0, 0)),
    ],
)
def test_of_other_libraries_none_is_used(
    version: str, number: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "OPENSSL_VERSION", version)
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", number)

    assert choose_agreement() is agree

"""What Safari is given of a website: a signed package, and the token by which it speaks to us.

Source: Apple, "Configuring Safari Push Notifications".
"""

import base64
import binascii
import hashlib
import hmac
import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

from services.registry.domain.gateway import SafariSettings

# Apple's names, and how many pixels wide and high the images of ours are.
ICONS = {
    "icon_16x16": 16,
    "icon_16x16@2x": 32,
    "icon_32x32": 32,
    "icon_32x32@2x": 64,
    "icon_128x128": 128,
    "icon_128x128@2x": 256,
}
PNG = b"\x89PNG\r\n\x1a\n"
NONCE_BYTES = 16
# Nobody has a device before 1980, and a package of the same content is the same package.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def is_png(content: bytes) -> bool:
    """Whether it begins as a PNG image does: its mark, then its header."""
    return content.startswith(PNG) and content[12:16] == b"IHDR"


class WebsiteTokens:
    """Tokens that are known by their seal, so that none need be stored for whoever asks.

    Each is another one. It is good for one website of one application, and carries the id of the
    device that it was made for.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, app_id: UUID, push_id: str, device_id: str) -> str:
        content = f"{_encode(os.urandom(NONCE_BYTES))}.{_encode(device_id.encode())}"
        return f"{content}.{self._seal(app_id, push_id, content)}"

    def read(self, app_id: UUID, push_id: str, token: str) -> str | None:
        """The device that a token was made for; None if it is none of ours."""
        content, _, seal = token.rpartition(".")
        if not hmac.compare_digest(self._seal(app_id, push_id, content).encode(), seal.encode()):
            return None
        return _decode(content.partition(".")[2])

    def _seal(self, app_id: UUID, push_id: str, content: str) -> str:
        text = b"\n".join((app_id.bytes, push_id.encode(), content.encode()))
        return _encode(hmac.digest(self._key, text, "sha256"))


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class PackageOrder:
    """What Safari asked for. Version 1 names its files by SHA-1, as Safari once wanted it."""

    web_service_url: str
    token: str
    version: int


def build_package(site: SafariSettings, icons: Mapping[str, bytes], order: PackageOrder) -> bytes:
    """The zip file that Safari shows its user; `icons` holds all of them."""
    files = {f"icon.iconset/{name}.png": icons[name] for name in ICONS}
    files["website.json"] = msgspec.json.format(_describe(site, order))
    manifest = msgspec.json.format(msgspec.json.encode(_list_digests(files, order.version)))
    files["manifest.json"] = manifest
    files["signature"] = _sign(site, manifest)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), content)
    return package.getvalue()


def _describe(site: SafariSettings, order: PackageOrder) -> bytes:
    origin = urlsplit(site.web_site_url)
    return msgspec.json.encode(
        {
            "websiteName": site.website_name,
            "websitePushID": site.website_push_id,
            "allowedDomains": [f"{origin.scheme}://{origin.netloc}"],
            "urlFormatString": site.url_format_string,
            "authenticationToken": order.token,
            "webServiceURL": order.web_service_url,
        }
    )


def _list_digests(files: Mapping[str, bytes], version: int) -> dict[str, object]:
    if version == 1:
        return {
            name: hashlib.sha1(content, usedforsecurity=False).hexdigest()
            for name, content in files.items()
        }
    return {
        name: {"hashType": "sha512", "hashValue": hashlib.sha512(content).hexdigest()}
        for name, content in files.items()
    }


def _sign(site: SafariSettings, manifest: bytes) -> bytes:
    """PKCS#7, detached, with the issuers that came with the certificate."""
    leaf, *issuers = x509.load_pem_x509_certificates(site.certificate_chain.encode())
    key = load_pem_private_key(site.private_key.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("a push certificate's key is RSA or EC")  # it was checked when it came
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(leaf, key, hashes.SHA256())
    for issuer in issuers:
        builder = builder.add_certificate(issuer)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return builder.sign(Encoding.DER, options)

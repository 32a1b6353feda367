"""Is Safari given a package that it can believe, and is it believed only by the token in it?"""

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as devices_pb
from carillon.registry.v1 import website_service_pb2 as pb
from carillon.type.v1 import platform_pb2
from services.registry.domain.website import ICONS, WebsiteTokens, is_png
from services.registry.packaging import list_icons
from tests.registry.test_gateways import PNG, SITE, put, website
from tests.registry.world import NOBODY, Stubs, fault_of

APP = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
TOKENS = WebsiteTokens(b"k" * 32)
PUSH_ID = SITE["website_push_id"]
URL = "https://push.example.com/imfpush/v1/apps/x/settings/safariWebConf"
ADDRESS = "AB" * 32
DEAD = device_pb2.DeviceState.DEVICE_STATE_DEAD
ACTIVE = device_pb2.DeviceState.DEVICE_STATE_ACTIVE
JUDGE = "openssl smime -verify -noverify -inform DER -in signature -content manifest.json"


@given(some.uuids(), some.text(max_size=300), some.text(max_size=254))
def test_a_token_says_for_which_device_it_was_made(
    app_id: UUID, push_id: str, device_id: str
) -> None:
    token = TOKENS.make(app_id, push_id, device_id)

    assert TOKENS.read(app_id, push_id, token) == device_id
    assert len(token) >= 16


@given(some.text(max_size=200))
def test_no_text_of_another_make_is_a_token(text: str) -> None:
    assert TOKENS.read(APP, PUSH_ID, text) is None


def test_a_token_is_good_for_one_website_of_one_application() -> None:
    token = TOKENS.make(APP, PUSH_ID, "mac")

    assert TOKENS.read(uuid4(), PUSH_ID, token) is None
    assert TOKENS.read(APP, "web.com.other", token) is None
    assert WebsiteTokens(b"x" * 32).read(APP, PUSH_ID, token) is None
    assert TOKENS.read(APP, PUSH_ID, token.replace(".", "x.", 1)) is None


def test_no_two_tokens_are_alike() -> None:
    assert TOKENS.make(APP, PUSH_ID, "mac") != TOKENS.make(APP, PUSH_ID, "mac")


def test_there_is_a_bell_in_every_size() -> None:
    for name, content in list_icons().items():
        assert is_png(content)
        width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
        assert (width, height) == (ICONS[name], ICONS[name])
    assert set(list_icons()) == set(ICONS)


async def build(registry: Stubs, app_id: str, version: int = 2) -> dict[str, bytes]:
    """The files of a fresh package."""
    request = pb.BuildPushPackageRequest(
        app_id=app_id,
        website_push_id=PUSH_ID,
        web_service_url=URL,
        device_id="mac",
        version=version,
    )
    package = (await registry.websites.BuildPushPackage(request)).package
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def token_of(registry: Stubs, app_id: str) -> str:
    token: str = json.loads((await build(registry, app_id))["website.json"])["authenticationToken"]
    return token


@pytest.fixture
async def site(registry: Stubs) -> str:
    """An application with a website."""
    app_id = await registry.new_app()
    await put(registry, app_id, website(icons={"icon_32x32": PNG}))
    return app_id


async def test_a_package_describes_the_website(registry: Stubs, site: str) -> None:
    files = await build(registry, site)

    described = json.loads(files["website.json"])
    assert described.pop("authenticationToken")
    assert described == {
        "websiteName": "ACME",
        "websitePushID": PUSH_ID,
        "allowedDomains": ["https://acme.example"],
        "urlFormatString": "https://acme.example/%@",
        "webServiceURL": URL,
    }
    assert files["icon.iconset/icon_32x32.png"] == PNG
    assert files["icon.iconset/icon_128x128@2x.png"] == list_icons()["icon_128x128@2x"]
    assert len(files) == len(ICONS) + 3


@pytest.mark.parametrize("version", [1, 2])
async def test_the_manifest_names_every_file_by_its_digest(
    registry: Stubs, site: str, version: int
) -> None:
    files = await build(registry, site, version)

    manifest = json.loads(files["manifest.json"])
    assert set(manifest) == set(files) - {"manifest.json", "signature"}
    for name, digest in manifest.items():
        sha1 = hashlib.sha1(files[name], usedforsecurity=False).hexdigest()
        sha512 = {"hashType": "sha512", "hashValue": hashlib.sha512(files[name]).hexdigest()}
        assert digest == (sha1 if version == 1 else sha512)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl, which judges, is not installed")
async def test_openssl_believes_the_signature(registry: Stubs, site: str, tmp_path: Path) -> None:
    files = await build(registry, site)
    (tmp_path / "signature").write_bytes(files["signature"])

    assert judge(tmp_path, files["manifest.json"])
    assert not judge(tmp_path, files["manifest.json"] + b" ")


def judge(folder: Path, manifest: bytes) -> bool:
    (folder / "manifest.json").write_bytes(manifest)
    judged = subprocess.run(JUDGE.split(), cwd=folder, capture_output=True, check=False)  # noqa: S603  ours
    return judged.returncode == 0


async def test_no_other_website_gets_a_package(registry: Stubs, site: str) -> None:
    request = pb.BuildPushPackageRequest(
        app_id=site, website_push_id="web.com.other", web_service_url=URL, version=2
    )

    other = await fault_of(registry.websites.BuildPushPackage(request))
    request.website_push_id = PUSH_ID
    request.app_id = await registry.new_app()
    unconfigured = await fault_of(registry.websites.BuildPushPackage(request))
    request.app_id = NOBODY
    nobody = await fault_of(registry.websites.BuildPushPackage(request))
    request.version = 3
    version = await fault_of(registry.websites.BuildPushPackage(request))

    assert other.reason == unconfigured.reason == "GATEWAY_NOT_CONFIGURED"
    assert nobody.reason == "APPLICATION_NOT_FOUND"
    assert version.facts["field"] == "version"


async def state_of(registry: Stubs, app_id: str, device_id: str) -> int:
    request = devices_pb.GetDeviceRequest(app_id=app_id, device_id=device_id)
    return (await registry.devices.GetDevice(request)).device.state


async def withdraw(registry: Stubs, app_id: str, token: str, address: str = ADDRESS) -> None:
    await registry.websites.WithdrawPermission(
        pb.WithdrawPermissionRequest(
            app_id=app_id, website_push_id=PUSH_ID, authentication_token=token, address=address
        )
    )


async def test_a_permission_taken_back_ends_the_device_at_that_address(
    registry: Stubs, site: str
) -> None:
    token = await token_of(registry, site)
    platform = platform_pb2.PLATFORM_WEB_SAFARI
    await registry.register(site, "mac", platform=platform, address=ADDRESS)

    await withdraw(registry, site, token, "CD" * 32)
    at_another = await state_of(registry, site, "mac")
    await withdraw(registry, site, token)
    await withdraw(registry, site, token)
    at_this = await state_of(registry, site, "mac")
    await registry.register(site, "mac", platform=platform, address=ADDRESS)

    assert (at_another, at_this) == (ACTIVE, DEAD)
    assert await state_of(registry, site, "mac") == ACTIVE


async def test_of_another_platform_nothing_is_ended(registry: Stubs, site: str) -> None:
    token = await token_of(registry, site)
    await withdraw(registry, site, token)
    await registry.register(site, "mac", address=ADDRESS)

    await withdraw(registry, site, token)

    assert await state_of(registry, site, "mac") == ACTIVE


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
async def test_without_the_packages_token_nobody_is_believed(
    registry: Stubs, site: str, token: str
) -> None:
    granted = pb.GrantPermissionRequest(
        app_id=site, website_push_id=PUSH_ID, authentication_token=token
    )

    refusals = [
        await fault_of(registry.websites.GrantPermission(granted)),
        await fault_of(withdraw(registry, site, token)),
    ]

    assert [refusal.reason for refusal in refusals] == ["WEBSITE_TOKEN_INVALID"] * 2


async def test_with_it_a_permission_is_heard(registry: Stubs, site: str) -> None:
    token = await token_of(registry, site)
    granted = pb.GrantPermissionRequest(
        app_id=site, website_push_id=PUSH_ID, authentication_token=token
    )

    await registry.websites.GrantPermission(granted)
    granted.app_id = await registry.new_app()

    foreign = await fault_of(registry.websites.GrantPermission(granted))
    assert foreign.reason == "WEBSITE_TOKEN_INVALID"

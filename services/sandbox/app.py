"""The whole sandbox, opened and closed as one: by its process, and by tests within theirs."""

import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.sandbox import certificates, http2, identity, listeners, push_certificates, state
from services.sandbox.api import Api
from services.sandbox.arrivals import Arrivals
from services.sandbox.behaviours import Behaviours
from services.sandbox.gateways import apns, fcm, oauth, webpush
from services.sandbox.gateways.contract import Gateway
from services.sandbox.identity import Identity
from services.sandbox.premises import Offer, Sandbox
from services.sandbox.reception import Reception
from services.sandbox.settings import Settings
from services.sandbox.subscriptions import PATH as WEBPUSH_PATH
from services.sandbox.subscriptions import Subscriptions

SEAL_KEY_SIZE = 32

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def running(settings: Settings, clock: Clock = _now) -> AsyncIterator[Sandbox]:
    """Start both listeners; stop them on leaving. Port 0 in the settings means any free port."""
    folder = state.open_folder(settings.sandbox_state)
    issued = certificates.obtain(folder, settings.sandbox_host, clock())
    owner = identity.obtain(folder)
    with (
        listeners.bound(settings.gateway_listen()) as gateway_socket,
        listeners.bound(settings.listen()) as api_socket,
        Subscriptions(folder / "subscriptions.jsonl") as subscriptions,
    ):
        gateway_url = _url("https", settings.sandbox_host, gateway_socket)
        offer = Offer()
        sandbox = Sandbox(
            api_url=_url("http", api_socket.getsockname()[0], api_socket),
            gateway_url=gateway_url,
            ca_file=issued.ca_file,
            credentials={
                **_credentials(owner, settings, gateway_url, issued.ca_file),
                **_certificates(folder, settings.sandbox_bundle_id, clock()),
            },
            arrivals=Arrivals(settings.sandbox_keep),
            behaviours=Behaviours(),
            subscriptions=subscriptions,
            offer=offer,
        )
        gateways = _gateways(owner, settings.sandbox_bundle_id, sandbox)
        reception = Reception(gateways, sandbox.behaviours, sandbox.arrivals, clock)
        api = Api(sandbox, partial(listeners.answers, gateway_socket, issued.client_context()))
        async with (
            http2.serving(
                reception.answer, gateway_socket, issued.open_context(lambda: offer.protocols)
            ),
            listeners.serving(api.application(), api_socket),
        ):
            try:
                yield sandbox
            finally:
                sandbox.arrivals.close()


def _gateways(owner: Identity, bundle_id: str, sandbox: Sandbox) -> Mapping[str, Gateway]:
    """The gateways by the beginning of their paths."""
    names = owner.names
    tokens = oauth.AccessTokens(secrets.token_bytes(SEAL_KEY_SIZE))
    apple = apns.ApnsGateway(
        bundle_id=bundle_id,
        key_id=names.key_id,
        team_id=names.team_id,
        point=owner.apns_point(),
    )
    token_endpoint = oauth.OauthEndpoint(
        tokens,
        client_email=names.client_email,
        private_key_id=names.private_key_id,
        key=owner.account_key.public_key(),
        token_uri=f"{sandbox.gateway_url}{oauth.PATH}",
    )
    project = fcm.Project(names.project_id, names.sender_id)
    return {
        # Apple answers BadPath on whatever else is asked of it.
        "/3/": apple,
        "/4/": apple,
        fcm.PATH: fcm.FcmGateway(project, tokens.is_valid),
        oauth.PATH: token_endpoint,
        WEBPUSH_PATH: webpush.WebpushGateway(sandbox.subscriptions),
    }


def _credentials(
    owner: Identity, settings: Settings, gateway_url: str, ca_file: Path
) -> Mapping[str, Any]:
    return {
        "apns": {
            "key": owner.apns_pem(),
            "keyId": owner.names.key_id,
            "teamId": owner.names.team_id,
            "bundleId": settings.sandbox_bundle_id,
            "isSandBox": True,
        },
        "fcm": {
            "serviceAccount": owner.service_account(gateway_url),
            "senderId": owner.names.sender_id,
        },
        "ca_file": str(ca_file),
        "gateway_url": gateway_url,
    }


def _certificates(folder: Path, bundle_id: str, now: datetime) -> Mapping[str, Any]:
    """For those who use certificates, and for Safari, which knows nothing else."""
    website = f"web.{bundle_id}"
    return {
        "apnsCertificate": {
            **push_certificates.obtain(folder / "app.p12", "Apple Push Services", bundle_id, now),
            "bundleId": bundle_id,
        },
        "safari": {
            **push_certificates.obtain(folder / "website.p12", "Website Push ID", website, now),
            "websitePushID": website,
        },
    }


def _url(scheme: str, host: str, listener: socket.socket) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}:{listener.getsockname()[1]}"

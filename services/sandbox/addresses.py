"""Addresses: one form for each, and fresh ones that are well-formed."""

import re
import secrets

from services.sandbox.behaviours import Behaviour, prefix
from services.sandbox.gateways import webpush

APNS_ADDRESS_SIZE = 32
FCM_INSTANCE_SIZE = 16
FCM_SECRET_SIZE = 99
_HEX = re.compile(r"[0-9A-Fa-f]{64,}")


def canonical(address: str) -> str:
    """The form that arrivals show: lower-case hex for APNs, the subscription's id for Web Push."""
    if _HEX.fullmatch(address):
        return address.lower()
    return webpush.subscription_id(address)


def fresh_apns(behaviour: Behaviour = Behaviour.OK) -> str:
    """32 random bytes in hex; a named behaviour takes the place of the first four."""
    beginning = prefix("apns", behaviour)
    return beginning + secrets.token_hex(APNS_ADDRESS_SIZE)[len(beginning) :]


def fresh_fcm(behaviour: Behaviour = Behaviour.OK) -> str:
    """An instance id, a colon, and a long secret, as Google's are today."""
    beginning = "" if behaviour is Behaviour.OK else prefix("fcm", behaviour)
    instance = secrets.token_urlsafe(FCM_INSTANCE_SIZE)
    return f"{beginning}{instance}:APA91b{secrets.token_urlsafe(FCM_SECRET_SIZE)}"

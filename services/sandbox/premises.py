"""What a running sandbox consists of, apart from its listeners."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.sandbox.arrivals import Arrivals
from services.sandbox.behaviours import Behaviours
from services.sandbox.subscriptions import Subscriptions


@dataclass(slots=True)
class Offer:
    """What the gateways speak to whoever connects from now on, best first."""

    protocols: tuple[str, ...] = ("h2", "http/1.1")


@dataclass(frozen=True, slots=True)
class Sandbox:
    # The API and the page.
    api_url: str
    # The imitated gateways.
    gateway_url: str
    # The authority that senders must trust.
    ca_file: Path
    # What an app is configured with, as GET /api/credentials answers.
    credentials: Mapping[str, Any]
    arrivals: Arrivals
    behaviours: Behaviours
    subscriptions: Subscriptions
    offer: Offer = field(default_factory=Offer)

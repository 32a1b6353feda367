"""Broadcasts to everybody of one platform, and what each took."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # it has no types

from bench.books import Books
from bench.cpu import cpu_seconds, differences, peak_mib, process_seconds
from bench.premises import Premises

PLATFORMS = {"apns": "A", "fcm": "G", "webpush": "WEB_CHROME"}
ALERT = "Paid 12,50 EUR to Zoe, thank you for your confidence in us. " * 3
POLL_SECONDS = 0.25
PATIENCE_SECONDS = 1200.0
SENDER = "dispatch-sender"
# The gateway, and what only stands by.
THEIRS = frozenset({"nginx", "sandbox"})


@dataclass(frozen=True, slots=True)
class Run:
    """What one broadcast took, from its acceptance until it had ended."""

    devices: int
    seconds: float
    cpu: dict[str, float]
    # Of the largest process of ours.
    peak_mib: float
    wal_bytes: int
    ledger_bytes: int

    @property
    def rate(self) -> float:
        return self.devices / self.seconds

    @property
    def cpu_us(self) -> float:
        """Of all our processes and PostgreSQL, for each notification."""
        return 1e6 * sum(s for who, s in self.cpu.items() if who not in THEIRS) / self.devices


class Broadcasts:
    def __init__(
        self, premises: Premises, books: Books, gateway: psutil.Process, *, senders: int = 1
    ) -> None:
        self._premises = premises
        self._books = books
        self._gateway = gateway
        self._more = [f"{SENDER}-{number}" for number in range(2, senders + 1)]

    async def restart_senders(self, window: int) -> None:
        """Begin anew, and go on once something was sent."""
        house = self._premises.house
        for name in set(self._more) & set(house.pids()):
            await house.stop_room(name)
        await house.restart_room(SENDER, {"SENDER_WINDOW": str(window)})
        for name in self._more:
            await house.double_room(SENDER, name)
        await self._wait(await self._post({"deviceIds": ["device-1"]}))

    async def run(self, name: str, devices: int) -> Run:
        await self._books.settle()
        wal, ledger = await self._books.wal_position(), await self._books.ledger_size()
        before = self._spent()
        message_id = await self._post({"platforms": [PLATFORMS[name]]})
        seconds = await self._wait(message_id)
        spent = self._together(differences(before, self._spent()))
        await self._check(message_id, devices)
        house = self._premises.house
        peak = max(mib for who, mib in peak_mib(house).items() if who not in THEIRS)
        wal = await self._books.wal_position() - wal
        ledger = await self._books.ledger_size() - ledger
        return Run(devices, seconds, spent, peak, wal, ledger)

    def _spent(self) -> dict[str, float]:
        gateway = (self._gateway, *self._gateway.children())
        seconds = sum(process_seconds(each.pid) for each in gateway)
        return cpu_seconds(self._premises.house) | {"nginx": seconds}

    def _together(self, spent: dict[str, float]) -> dict[str, float]:
        """All senders as one."""
        senders = sum(spent.pop(name) for name in self._more)
        return {**spent, SENDER: spent[SENDER] + senders}

    async def _post(self, target: dict[str, Any]) -> str:
        body = {"message": {"alert": ALERT}, "target": target}
        message_id: str = (await self._ask("POST", "", json=body))["messageId"]
        return message_id

    async def _wait(self, message_id: str) -> float:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            seconds = await self._books.duration(message_id)
            if seconds is not None:
                return seconds
            await asyncio.sleep(POLL_SECONDS)
        raise SystemExit("The broadcast does not end.")

    async def _check(self, message_id: str, devices: int) -> None:
        """Each device was sent to: the figures would else mean nothing."""
        sent = await self._books.sent(message_id)
        if sent != devices:
            raise SystemExit(f"{sent} of {devices} were sent to.")

    async def _ask(self, method: str, path: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401  httpx's own
        premises = self._premises
        url = f"{premises.house.place.edge}{premises.app_path}/messages{path}"
        headers = {"appSecret": premises.demo.app_secret}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.request(method, url, headers=headers, **said)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

"""One run of the chaos test: a broadcast, messages to single phones, and all that goes wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from bench import crowd
from bench.chaos.faults import Fault, Kind, choose_all, inflict
from bench.chaos.line import Line
from bench.chaos.sender import BackEnd
from bench.chaos.witness import Witness
from dev.console import Console
from dev.demo import Demo, load_demo
from dev.house import House, free_ports, open_house
from services.registry.domain.device import Platform
from services.sandbox.addresses import fresh_apns, fresh_fcm

LEASE_SECONDS = 4
# After the last fault: what leases and backoffs may hold up.
END_SECONDS = 180.0
# What a sender may have under way, and so what one kill can repeat.
WINDOW = 250
# The broadcast is to last so long for each fault: gateways answer as slowly as that needs.
FAULT_SECONDS = 4.0
MAX_ANSWER_SECONDS = 2.0
GATEWAY_URLS = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL", "GATEWAY_FCM_URL")


@dataclass(frozen=True, slots=True)
class Plan:
    devices: int
    # Those who get messages of their own from another application.
    singles: int
    faults: tuple[Fault, ...]

    @property
    def answer_seconds(self) -> float:
        """How long gateways take, with a whole window under way at any time."""
        wanted = FAULT_SECONDS * len(self.faults)
        return min(wanted * WINDOW / self.devices, MAX_ANSWER_SECONDS)


def plan(devices: int, further: int, seed: int) -> Plan:
    return Plan(devices, devices // 50, tuple(choose_all(Random(seed), further)))


@dataclass(slots=True)
class Findings:
    """What came of it. Everything that is `lost` is told in words too."""

    faults: list[tuple[Fault, int, float]] = field(default_factory=list)
    messages: int = 0
    deliveries: int = 0
    repeated: int = 0
    lost: int = 0
    losses: list[str] = field(default_factory=list)

    def count(self, kind: Kind) -> int:
        return sum(fault.kind is kind for fault, _, _ in self.faults)

    def lose(self, what: str, count: int) -> None:
        if count:
            self.lost += count
            self.losses.append(f"{count} {what}")

    @property
    def is_good(self) -> bool:
        return not self.lost and self.repeated < WINDOW * self.count(Kind.KILL)


@dataclass(frozen=True, slots=True)
class Scene:
    """A house whose way to the gateways is a line, and two applications with their devices."""

    house: House
    line: Line
    witness: Witness
    broadcaster: BackEnd
    neighbour: BackEnd
    phones: tuple[str, ...]
    neighbours: tuple[str, ...]


async def play(
    script: Plan, folder: Path, console: Console, say: Callable[[str], None]
) -> Findings:
    """Set the scene, send, let everything happen, and look at what came of it.

    Raises:
        Stalled: if the house comes to a standstill.
    """
    findings, enough = Findings(), asyncio.Event()
    async with _scene(script, folder, console) as scene:
        for gateway in ("apns", "fcm"):
            await scene.witness.slow_down(gateway, script.answer_seconds)
        ids = (f"phone-{number}" for number in range(script.singles))
        broadcast = await scene.broadcaster.send({"message": {"alert": "To all of you"}})
        async with asyncio.TaskGroup() as group:
            singles = group.create_task(scene.neighbour.send_to_each(ids, enough))
            await _disturb(script, scene, findings, say)
            enough.set()
        say("Everything runs again; the rest of the broadcast is awaited.")
        await scene.witness.wait_for(script.devices + len(singles.result()))
        say("All is there; each message and each device is looked at.")
        await _judge(scene, broadcast, singles.result(), findings)
    return findings


async def _disturb(
    script: Plan, scene: Scene, findings: Findings, say: Callable[[str], None]
) -> None:
    """One fault after the other, spread over the broadcast by how far it is."""
    loop = asyncio.get_running_loop()
    for number, fault in enumerate(script.faults):
        await scene.witness.wait_for(script.devices * number // len(script.faults))
        at, began = await scene.witness.count(), loop.time()
        await inflict(fault, scene.house, scene.line)
        await scene.witness.wait_for(min(at + 1, script.devices))
        findings.faults.append((fault, at, loop.time() - began))
        say(f"{fault!s:<32} at {at:>7,}, went on after {loop.time() - began:5.1f} s")


async def _judge(scene: Scene, broadcast: str, singles: list[str], findings: Findings) -> None:
    findings.messages = 1 + len(singles)
    await _judge_message(scene.broadcaster, broadcast, set(range(len(scene.phones))), findings)
    for number, message in enumerate(singles):
        await _judge_message(scene.neighbour, message, {number}, findings)
    tally = await scene.witness.tally()
    expected = Counter(scene.phones) + Counter(scene.neighbours[: len(singles)])
    findings.deliveries = sum(tally.values())
    findings.lose("notifications that reached nobody", sum((expected - tally).values()))
    findings.repeated = sum((tally - expected).values())
    findings.lose("rooms that ended by themselves", len(scene.house.ended_rooms))


async def _judge_message(
    back_end: BackEnd, message: str, numbers: set[int], findings: Findings
) -> None:
    """Whether it ended, and each of its devices has one outcome, a good one."""
    if not await back_end.has_ended(message, END_SECONDS):
        findings.lose("messages that came to no end", 1)
    outcomes = await back_end.outcomes(message)
    times = Counter(device for device, _ in outcomes)
    expected = {f"phone-{number}" for number in numbers}
    findings.lose("devices without an outcome", len(expected - set(times)))
    findings.lose("devices with two outcomes", sum(n > 1 for n in times.values()))
    findings.lose("outcomes of nobody", len(set(times) - expected))
    findings.lose("outcomes that are not SENT", sum(status != "SENT" for _, status in outcomes))


@asynccontextmanager
async def _scene(script: Plan, folder: Path, console: Console) -> AsyncIterator[Scene]:
    line = Line(free_ports().edge_port)
    told = {
        "LOG_LEVEL": "WARNING",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SANDBOX_KEEP": str(2 * (script.devices + script.singles)),
        **dict.fromkeys(GATEWAY_URLS, f"https://localhost:{line.port}"),
    }
    async with AsyncExitStack() as opened:
        house = await opened.enter_async_context(open_house(folder, console, told=told))
        opened.push_async_callback(line.close)
        place = house.place
        line.target = ("127.0.0.1", place.ports.sandbox_gateway_port)
        await line.open()
        rest, sandbox = [
            await opened.enter_async_context(
                httpx.AsyncClient(base_url=base, trust_env=False, timeout=30)
            )
            for base in (place.edge, place.sandbox)
        ]
        apps = [await _open_app(house, folder / name) for name in ("acme", "neighbour")]
        sizes = (script.devices, script.singles)
        phones, neighbours = [
            await _open_phones(house, app, size) for app, size in zip(apps, sizes, strict=True)
        ]
        broadcaster, neighbour = [BackEnd(rest, app) for app in apps]
        yield Scene(house, line, Witness(sandbox), broadcaster, neighbour, phones, neighbours)


async def _open_app(house: House, folder: Path) -> Demo:
    await asyncio.to_thread(folder.mkdir)
    place = house.place
    return await asyncio.to_thread(
        load_demo, folder, place.edge, place.sandbox, place.keys.operator_key
    )


async def _open_phones(house: House, app: Demo, count: int) -> tuple[str, ...]:
    """Every other one is Apple's."""
    addresses = [
        (Platform.IOS, fresh_apns()) if number % 2 else (Platform.ANDROID, fresh_fcm())
        for number in range(count)
    ]
    url = house.place.databases.registry_database_url
    await crowd.register(url, crowd.phones(app.app_id, addresses))
    return tuple(address for _, address in addresses)

"""What both are asked to do, and what each made of it."""

from dataclasses import dataclass
from statistics import median

from bench import load

PHONES, ROUNDS = 100_000, 3
# Registered over REST, to measure it; the other phones are written into the databases.
REGISTERED, CONNECTIONS = 5_000, 32
# Longer than registering may take.
LIMIT_SECONDS = 600.0
# 58 digits and the six of a phone's number are an address as Apple's are.
FIRST = 100_000
ADDRESS = "a" * 58
ALERT = "Paid 12,50 EUR to Zoe, thank you for your confidence in us."


@dataclass(frozen=True, slots=True)
class Broadcast:
    """`seconds` from the send until the sender says that it is done, and nothing comes any more."""

    seconds: float
    lost: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Result:
    registrations_per_s: float
    broadcasts: list[Broadcast]

    @property
    def notifications_per_s(self) -> float:
        return median((PHONES - each.lost) / each.seconds for each in self.broadcasts)

    @property
    def lost(self) -> int:
        return sum(each.lost for each in self.broadcasts)

    @property
    def repeated(self) -> int:
        return sum(each.repeated for each in self.broadcasts)


async def register(port: int, path: str, headers: dict[str, str], body: str) -> float:
    """Registrations a second; `%d` in the body becomes the phone's number."""
    seen = await load.run(
        load.Task(
            *("127.0.0.1", port, "POST", path, headers, CONNECTIONS, LIMIT_SECONDS, body),
            first=FIRST,
            limit=REGISTERED,
        )
    )
    if seen.statuses != {201: REGISTERED}:
        raise SystemExit(f"Not every registration was answered 201, but {seen.statuses}.")
    return seen.rate

"""Does one trace lead from the REST call to the gateway's answer?"""

import secrets
from dataclasses import dataclass

import pytest_asyncio

from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.spans import Span
from tests.house.waiting import until

pytestmark = HOUSE

CALLER = "b7ad6b7169203331"
SENDING = "carillon.dispatch.v1.MessageService/SendMessage"
SLICING = "carillon.targeting.v1.TargetingService/SliceTarget"
RESOLVING = "carillon.targeting.v1.TargetingService/ResolveSlices"
READING = "carillon.registry.v1.RecipientService/BatchGetRecipients"
CREDENTIAL = "carillon.registry.v1.GatewayService/GetGatewayCredential"

ACCEPTED = (
    ("edge", "SERVER", "POST /imfpush/v1/apps/{app_id}/messages"),
    ("edge", "CLIENT", SENDING),
    ("dispatch-api", "SERVER", SENDING),
)
PLANNED = (
    *ACCEPTED,
    ("dispatch-planner", "CONSUMER", "plan"),
    ("dispatch-planner", "CLIENT", SLICING),
    ("targeting", "SERVER", SLICING),
)
PARCEL = (*ACCEPTED, ("dispatch-sender", "CONSUMER", "parcel"))
RESOLVED = (
    *PARCEL,
    ("dispatch-sender", "CLIENT", RESOLVING),
    ("targeting", "SERVER", RESOLVING),
    ("targeting", "CLIENT", READING),
    ("registry", "SERVER", READING),
)
CREDITED = (
    *PARCEL,
    ("dispatch-sender", "CLIENT", CREDENTIAL),
    ("registry", "SERVER", CREDENTIAL),
)
SENT = (*PARCEL, ("dispatch-sender", "CLIENT", "gateway fcm"))
CHAINS = (PLANNED, RESOLVED, CREDITED, SENT)

Chain = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """What a message to a tag has left behind, from a caller that traces too."""

    trace_id: str
    spans: list[Span]

    def chain(self, span: Span) -> Chain:
        """A span and all it descends from, eldest first; its eldest's parent is the caller."""
        by_id = {each.span_id: each for each in self.spans}
        chain = [span]
        while parent := by_id.get(chain[0].parent_id):
            chain.insert(0, parent)
        assert chain[0].parent_id == CALLER
        return tuple((each.room, each.kind, each.name.lstrip("/")) for each in chain)

    def chains(self) -> set[Chain]:
        return {self.chain(span) for span in self.spans}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def journey(world: World) -> Journey:
    app = await world.open_app()
    await app.tag("rates", await app.register("G"))
    trace_id = secrets.token_hex(16)
    body = {"message": {"alert": "Follow me"}, "target": {"tagNames": ["rates"]}}
    headers = {"traceparent": f"00-{trace_id}-{CALLER}-01"}
    answer = await app.ask("POST", "/messages", body, headers=headers)
    await app.ended(answer.json()["messageId"])

    async def collect() -> Journey:
        return Journey(trace_id, world.receiver.of_trace(trace_id))

    return await until(collect, _is_whole)


def _is_whole(journey: Journey) -> bool:
    """Rooms export by themselves, each once a second: parents may come after their children."""
    known = {span.span_id for span in journey.spans} | {CALLER}
    ends = {chain[-1] for chain in CHAINS}
    met = {(span.room, span.kind, span.name.lstrip("/")) for span in journey.spans}
    return ends <= met and all(span.parent_id in known for span in journey.spans)


async def test_from_the_call_to_its_plan(journey: Journey) -> None:
    assert PLANNED in journey.chains()


async def test_from_the_call_over_the_parcel_to_the_recipients(journey: Journey) -> None:
    assert RESOLVED in journey.chains()


async def test_from_the_call_over_the_parcel_to_the_gateway(journey: Journey) -> None:
    assert {CREDITED, SENT} <= journey.chains()


async def test_the_gateways_span_counts_what_came_of_it(journey: Journey) -> None:
    (gateway,) = [span for span in journey.spans if span.name == "gateway fcm"]

    assert gateway.attributes["carillon.count.sent"] == "1"


async def test_the_parcels_span_names_its_message(journey: Journey) -> None:
    plan, parcel = [
        span.attributes["carillon.message_id"]
        for name in ("plan", "parcel")
        for span in journey.spans
        if span.name == name
    ]

    assert plan == parcel


async def test_statements_stand_below_what_asked_for_them(journey: Journey) -> None:
    statements = {
        journey.chain(span)[-2][0] for span in journey.spans if "db.statement" in span.attributes
    }

    assert statements == {"dispatch-api", "dispatch-planner", "targeting", "registry"}


async def test_the_rooms_logs_carry_it(world: World, journey: Journey) -> None:
    lines = world.transcript.events(trace_id=journey.trace_id)

    assert {line["room"] for line in lines} >= {
        "edge",
        "dispatch-api",
        "dispatch-planner",
        "targeting",
        "registry",
    }

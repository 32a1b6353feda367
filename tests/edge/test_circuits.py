"""How does an operator see what keeps messages waiting, and decide about a blown fuse?"""

import pytest

from carillon.dispatch.v1 import circuit_service_pb2 as pb
from carillon.type.v1.platform_pb2 import Platform
from tests.edge.conftest import OPERATOR, World
from tests.edge.rooms.rules import noon

NOON = "2026-11-02T12:00:00Z"


def blow(world: World) -> None:
    fuse = pb.Fuse(
        platform=Platform.PLATFORM_IOS,
        gate="sandbox",
        share=0.5,
        blow_time=noon(),
        held_count=212,
    )
    world.dispatch.fuses.append(fuse)


async def test_nothing_on_a_good_day(world: World) -> None:
    answer = await world.call("GET", "/circuits", headers=OPERATOR)

    assert (answer.status_code, answer.json()) == (200, {"circuits": [], "fuses": []})


async def test_what_is_open_and_what_has_blown(world: World) -> None:
    blow(world)
    world.dispatch.circuits.append(
        pb.Circuit(
            platform=Platform.PLATFORM_WEB_FIREFOX,
            gate="push.services.mozilla.com",
            cause=pb.CIRCUIT_CAUSE_MISCONFIGURED,
            reason="PERMISSION_DENIED",
            open_time=noon(),
            probe_time=noon(),
            failure_count=2,
            parked_count=7,
        )
    )
    shown = (await world.call("GET", "/circuits", headers=OPERATOR)).json()
    [circuit], [fuse] = shown["circuits"], shown["fuses"]

    assert circuit.pop("openTime") == circuit.pop("probeTime") == fuse.pop("blowTime")
    assert circuit == {
        "platform": "WEB_FIREFOX",
        "gate": "push.services.mozilla.com",
        "cause": "MISCONFIGURED",
        "reason": "PERMISSION_DENIED",
        "failures": 2,
        "parked": 7,
    }
    assert fuse == {"platform": "A", "gate": "sandbox", "share": 0.5, "held": 212}


@pytest.mark.parametrize("decision", ["CONFIRM", "dismiss"])
async def test_a_blown_fuse_is_decided_about_once(world: World, decision: str) -> None:
    blow(world)
    body = {"decision": decision}
    first = await world.post("/fuses/a", body, headers=OPERATOR)
    second = await world.post("/fuses/A", body, headers=OPERATOR)

    assert (first.status_code, first.json()) == (200, {"reports": 212})
    assert (second.status_code, second.json()["code"]) == (404, "FPWSE0001E")
    assert "'A'" in second.json()["message"]


async def test_one_gate_is_decided_about_by_its_name(world: World) -> None:
    blow(world)
    decisions = [{"decision": "CONFIRM", "gate": gate} for gate in ("production", "sandbox")]
    answers = [await world.post("/fuses/A", body, headers=OPERATOR) for body in decisions]

    assert [answer.status_code for answer in answers] == [404, 200]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/fuses/X", {"decision": "CONFIRM"}, "platform"),
        ("/fuses/A", {"decision": "PERHAPS"}, "decision"),
        ("/fuses/A", {}, "decision"),
    ],
)
async def test_a_wrong_field_is_named(world: World, path: str, body: object, field: str) -> None:
    answer = await world.post(path, body, headers=OPERATOR)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_an_application_itself_may_not(world: World) -> None:
    answers = [
        await world.call("GET", "/circuits"),
        await world.post("/fuses/A", {"decision": "CONFIRM"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]

"""Which fault does a request meet?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.sandbox import behaviours
from services.sandbox.addresses import canonical, fresh_apns, fresh_fcm
from services.sandbox.behaviours import OBEY, Behaviour, Behaviours, Instruction, TooManyRules

DEAD = Instruction(Behaviour.DEAD)
SLOW = Instruction(Behaviour.SLOW)


def test_without_an_order_all_is_well() -> None:
    assert Behaviours().choose("fcm", "phone-1") is OBEY


def test_an_address_precedes_its_gateway_and_both_precede_the_name() -> None:
    rules = Behaviours()
    rules.order_gateway("fcm", SLOW)
    rules.order_address("error-1", DEAD)

    assert rules.choose("fcm", "error-1") is DEAD
    assert rules.choose("fcm", "error-2") is SLOW
    assert rules.choose("webpush", "error-2").behaviour is Behaviour.ERROR


def test_ok_heals_an_address_that_is_faulty_by_name() -> None:
    rules = Behaviours()
    rules.order_address("dead-1", OBEY)

    assert rules.choose("fcm", "dead-1").behaviour is Behaviour.OK


@given(times=some.integers(1, 20))
def test_a_rule_is_used_up_after_its_times(times: int) -> None:
    rules = Behaviours()
    rules.order_address("phone-1", DEAD, times)
    chosen = [rules.choose("fcm", "phone-1") for _ in range(times + 1)]

    assert chosen == [DEAD] * times + [OBEY]
    assert not rules.by_address


def test_what_is_cleared_is_forgotten() -> None:
    rules = Behaviours()
    rules.order_gateway("fcm", DEAD)
    rules.order_address("phone-1", DEAD)
    rules.clear()

    assert rules.choose("fcm", "phone-1") is OBEY


def test_there_is_an_end_to_rules_but_not_to_changing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "MAX_RULES", 1)
    rules = Behaviours()
    rules.order_address("phone-1", DEAD)
    rules.order_address("phone-1", SLOW)
    with pytest.raises(TooManyRules):
        rules.order_address("phone-2", DEAD)

    assert rules.choose("fcm", "phone-1") is SLOW


@pytest.mark.parametrize("behaviour", [each for each in Behaviour if each is not Behaviour.OK])
def test_a_fresh_address_can_be_had_for_every_fault(behaviour: Behaviour) -> None:
    assert behaviours.named("apns", fresh_apns(behaviour)).behaviour is behaviour
    assert behaviours.named("fcm", fresh_fcm(behaviour)).behaviour is behaviour


def test_fresh_addresses_differ_and_are_well() -> None:
    fresh = [fresh_apns() for _ in range(50)] + [fresh_fcm() for _ in range(50)]

    assert len(set(fresh)) == 100
    assert all(behaviours.named("fcm", address) is OBEY for address in fresh)


def test_a_word_is_a_name_only_before_a_dash() -> None:
    assert behaviours.named("fcm", "deadly-1") is OBEY
    assert behaviours.named("fcm", "dead") is OBEY


@given(address=some.text(max_size=40))
def test_a_canonical_address_stays_as_it_is(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)


def test_hex_is_lowered_and_google_tokens_are_left_alone() -> None:
    assert canonical("AB" * 32) == "ab" * 32
    assert canonical("Abc:APA91bX") == "Abc:APA91bX"

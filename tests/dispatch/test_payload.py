"""What stands beside `nid` in the text that every SDK parses a second time?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.rendering.nid import has_template, write_nid_payload

NID = "AbC12dEf"
scalars = some.none() | some.booleans() | some.integers() | some.text()
values = some.recursive(
    scalars, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=8
)


@pytest.mark.parametrize(
    ("payload", "merged"),
    [
        ("", {}),
        ("{}", {}),
        ('{"account": "4711", "n": {"x": [1, 2]}}', {"account": "4711", "n": {"x": [1, 2]}}),
        ('{"nid": "mine", "a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('"{\\"nid\\": \\"mine\\"}"', {}),
        ('"plain words"', {"payload": "plain words"}),
        ('"[1, 2]"', {"payload": "[1, 2]"}),
        ('"7"', {"payload": "7"}),
        ('""', {"payload": ""}),
        ("[1, 2]", {"payload": [1, 2]}),
        ("7", {"payload": 7}),
        ("false", {"payload": False}),
        ("null", {}),
        ('"{\\"a\\": "', {"payload": '{"a": '}),
    ],
)
def test_an_object_is_merged_and_anything_else_is_a_member(
    payload: str, merged: dict[str, object]
) -> None:
    assert json.loads(write_nid_payload(NID, payload)) == merged | {"nid": NID}


@given(some.dictionaries(some.text(), values))
def test_all_members_of_an_object_arrive_and_ours_wins(members: dict[str, object]) -> None:
    written = json.loads(write_nid_payload(NID, json.dumps(members)))

    assert written == members | {"nid": NID}


@given(some.dictionaries(some.text(), values))
def test_an_object_in_a_string_is_the_same_object(members: dict[str, object]) -> None:
    inside = json.dumps(json.dumps(members))

    assert write_nid_payload(NID, inside) == write_nid_payload(NID, json.dumps(members))


def test_a_string_of_brackets_is_a_string() -> None:
    """Believed before: what is no JSON inside a string says so; this exhausted the stack."""
    brackets = "[" * 8000

    assert json.loads(write_nid_payload(NID, json.dumps(brackets)))["payload"] == brackets


@pytest.mark.parametrize(
    ("alert", "templated"), [("Dear {{name}}", True), ("{{", True), ("{name}", False), ("", False)]
)
def test_two_braces_make_a_template(alert: str, *, templated: bool) -> None:
    assert has_template(alert) is templated

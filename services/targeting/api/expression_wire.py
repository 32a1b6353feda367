"""Expressions as they come over the wire: how large they may be is checked on the way in."""

from carillon.type.v1 import target_pb2
from services.kit.faults import FieldInvalid
from services.targeting.api import checks
from services.targeting.api.platform_wire import TO_PLATFORM
from services.targeting.domain.expressions import (
    MAX_DEPTH,
    MAX_LEAVES,
    AllOf,
    AnyOf,
    Expression,
    HasTag,
    Not,
    OnPlatform,
    count_leaves,
)

MIN_PARTS = 2


def parse_expression(field: str, node: target_pb2.Expression) -> Expression:
    """Raises FieldInvalid, naming the place in the tree or the limit."""
    parsed = _parse(field, node, 1)
    leaves = count_leaves(parsed)
    if leaves > MAX_LEAVES:
        raise FieldInvalid(
            field, f"must hold at most {MAX_LEAVES} tags and platforms, not {leaves}"
        )
    return parsed


def _parse(field: str, node: target_pb2.Expression, depth: int) -> Expression:
    if depth > MAX_DEPTH:
        raise FieldInvalid(field, f"must be nested at most {MAX_DEPTH} deep")
    match node.WhichOneof("node"):
        case "tag_name":
            return HasTag(checks.text(f"{field}.tag_name", node.tag_name))
        case "platform":
            if node.platform not in TO_PLATFORM:
                raise FieldInvalid(
                    f"{field}.platform", f"must be a known platform, not {node.platform}"
                )
            return OnPlatform(TO_PLATFORM[node.platform])
        case "denied":
            return Not(_parse(f"{field}.denied", node.denied, depth + 1))
        case "all_of":
            return AllOf(_parse_parts(f"{field}.all_of", node.all_of, depth))
        case "any_of":
            return AnyOf(_parse_parts(f"{field}.any_of", node.any_of, depth))
        case _:
            raise FieldInvalid(field, "must be of one kind")


def _parse_parts(
    field: str, listed: target_pb2.ExpressionList, depth: int
) -> tuple[Expression, ...]:
    parts = listed.expressions
    if not MIN_PARTS <= len(parts) <= MAX_LEAVES:
        raise FieldInvalid(
            field, f"must hold {MIN_PARTS} to {MAX_LEAVES} entries, not {len(parts)}"
        )
    return tuple(_parse(f"{field}[{n}]", part, depth + 1) for n, part in enumerate(parts))

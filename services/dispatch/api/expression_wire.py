"""Expressions between protobuf and the domain, and how large they may be."""

from carillon.type.v1 import target_pb2
from services.dispatch.api import checks
from services.dispatch.api.platform_wire import PLATFORM_FROM_WIRE, PLATFORM_TO_WIRE
from services.dispatch.domain.messages import Expression, Operator, Platform
from services.kit.faults import FieldInvalid

# As targeting has them.
MAX_LEAVES = 100
MAX_DEPTH = 16
MIN_PARTS = 2


def parse_expression(field: str, node: target_pb2.Expression, depth: int = 1) -> Expression:
    """Raises FieldInvalid, naming the place in the tree or the limit."""
    if depth > MAX_DEPTH:
        raise FieldInvalid(field, f"must be nested at most {MAX_DEPTH} deep")
    parsed = _parse(field, node, depth)
    if parsed.leaves > MAX_LEAVES:
        raise FieldInvalid(
            field, f"must hold at most {MAX_LEAVES} tags and platforms, not {parsed.leaves}"
        )
    return parsed


def _parse(field: str, node: target_pb2.Expression, depth: int) -> Expression:
    match node.WhichOneof("node"):
        case "tag_name":
            name = checks.parse_name(f"{field}.tag_name", node.tag_name)
            return Expression(Operator.TAG, tag_name=name)
        case "platform":
            platform = PLATFORM_FROM_WIRE.get(node.platform, Platform.MIXED)
            if platform is Platform.MIXED:
                raise FieldInvalid(
                    f"{field}.platform", f"must be a known platform, not {node.platform}"
                )
            return Expression(Operator.PLATFORM, platform=platform)
        case "denied":
            part = parse_expression(f"{field}.denied", node.denied, depth + 1)
            return Expression(Operator.NOT, parts=(part,))
        case "all_of":
            parts = _parse_parts(f"{field}.all_of", node.all_of, depth)
            return Expression(Operator.AND, parts=parts)
        case "any_of":
            parts = _parse_parts(f"{field}.any_of", node.any_of, depth)
            return Expression(Operator.OR, parts=parts)
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
    return tuple(parse_expression(f"{field}[{n}]", part, depth + 1) for n, part in enumerate(parts))


def write_expression(expression: Expression) -> target_pb2.Expression:
    parts = [write_expression(part) for part in expression.parts]
    match expression.operator:
        case Operator.TAG:
            return target_pb2.Expression(tag_name=expression.tag_name)
        case Operator.PLATFORM:
            return target_pb2.Expression(platform=PLATFORM_TO_WIRE[expression.platform])
        case Operator.NOT:
            return target_pb2.Expression(denied=parts[0])
        case Operator.AND:
            return target_pb2.Expression(all_of=target_pb2.ExpressionList(expressions=parts))
        case Operator.OR:
            return target_pb2.Expression(any_of=target_pb2.ExpressionList(expressions=parts))

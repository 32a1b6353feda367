"""What does `target.expression` read as, and where does it say that it is wrong?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from carillon.type.v1.platform_pb2 import Platform
from carillon.type.v1.target_pb2 import Expression, ExpressionList
from services.edge.expressions import MAX_DEPTH, MAX_LEAVES, read_expression, write_expression
from services.edge.languages import catalogue
from services.edge.problems import Problem

FIELD = "target.expression"


def tag(name: str) -> Expression:
    return Expression(tag_name=name)


def every(*parts: Expression) -> Expression:
    return Expression(all_of=ExpressionList(expressions=parts))


def either(*parts: Expression) -> Expression:
    return Expression(any_of=ExpressionList(expressions=parts))


def no(part: Expression) -> Expression:
    return Expression(denied=part)


A, B, C = tag("a"), tag("b"), tag("c")
IOS = Expression(platform=Platform.PLATFORM_IOS)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        (" a ", A),
        ("mortgage-rates", tag("mortgage-rates")),
        ("größe.1/2", tag("größe.1/2")),
        ("A", IOS),
        ('"A"', tag("A")),
        ("WEB_CHROME", Expression(platform=Platform.PLATFORM_WEB_CHROME)),
        ("web_chrome", tag("web_chrome")),
        ('"two words"', tag("two words")),
        (r'"a \"quoted\" \\ word"', tag(r'a "quoted" \ word')),
        ('"NOT"', tag("NOT")),
        ("a AND b", every(A, B)),
        ("a and b aNd c", every(A, B, C)),
        ("a && b", every(A, B)),
        ("a||b", either(A, B)),
        ("!a", no(A)),
        ("not a", no(A)),
        ("NOT NOT a", no(no(A))),
        ("a OR b AND c", either(A, every(B, C))),
        ("(a OR b) AND c", every(either(A, B), C)),
        ("NOT a AND b", every(no(A), B)),
        ("NOT (a AND b)", no(every(A, B))),
        ("(a AND b) AND c", every(every(A, B), C)),
        ("a\n\tAND\r\nb", every(A, B)),
        ("((a))", A),
        ("Push.ALL", tag("Push.ALL")),
        ("notes", tag("notes")),
    ],
)
def test_it_reads_as_this_tree(text: str, tree: Expression) -> None:
    assert read_expression(text, FIELD) == tree


WANTED = "a tag, a platform, NOT or '(' is expected"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"ends at column 1, where {WANTED}"),
        ("   ", f"ends at column 4, where {WANTED}"),
        ("a AND", f"ends at column 6, where {WANTED}"),
        ("a AND OR b", f"has 'OR' at column 7, where {WANTED}"),
        ("AND a", f"has 'AND' at column 1, where {WANTED}"),
        ("a b", "has 'b' at column 3, where AND, OR or the end is expected"),
        ("a NOT b", "has 'NOT' at column 3, where AND, OR or the end is expected"),
        ("a)", "has ')' at column 2, where AND, OR or the end is expected"),
        ("(a", "ends at column 3, where AND, OR or ')' is expected"),
        ("(a b)", "has 'b' at column 4, where AND, OR or ')' is expected"),
        ("()", f"has ')' at column 2, where {WANTED}"),
        ("a & b", "has '&' at column 3, where AND, OR or the end is expected"),
        ("| a", f"has '|' at column 1, where {WANTED}"),
        ('a AND "b', "has a quote at column 7 that is not closed"),
        ('""', "must have a tag of 1 to 254 characters at column 1"),
        (f"a OR {'b' * 255}", "must have a tag of 1 to 254 characters at column 6"),
        ('"\0"', "has a NUL in the tag at column 1"),
        ("(" * 17, "is nested more than 16 deep at column 17"),
        ("!" * 17, "is nested more than 16 deep at column 17"),
        ("(" * 9000, "must be at most 8192 characters, not 9000"),
        ("a|" * 100 + "a", "has '|' at column 2, where AND, OR or the end is expected"),
        ("a||" * 100 + "a", "has more than 100 tags and platforms at column 301"),
    ],
)
def test_what_is_wrong_is_told_with_its_column(text: str, said: str) -> None:
    with pytest.raises(Problem) as refusal:
        read_expression(text, FIELD)
    german, _ = catalogue.tell(refusal.value.message, "de")

    assert refusal.value.message == f"The parameter '{FIELD}' {said}."
    assert refusal.value.status == 400
    assert " is " not in german
    assert "column" not in german


names = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
leaves = some.one_of(
    names.map(lambda name: tag(name[:254])),
    some.sampled_from(["and", "OR", "Not", "A", "G", "&&", "a b", '"', "\\"]).map(tag),
    some.sampled_from(Platform.values()[1:]).map(lambda number: Expression(platform=number)),
)
trees = some.recursive(
    leaves,
    lambda parts: some.one_of(
        parts.map(no),
        some.lists(parts, min_size=2, max_size=4).map(lambda several: every(*several)),
        some.lists(parts, min_size=2, max_size=4).map(lambda several: either(*several)),
    ),
    max_leaves=12,
)


def depth(tree: Expression) -> int:
    parts = [*tree.all_of.expressions, *tree.any_of.expressions]
    if tree.WhichOneof("node") == "denied":
        parts.append(tree.denied)
    return 1 + max(map(depth, parts), default=0)


@given(trees)
def test_what_is_written_is_read_as_the_same_tree(tree: Expression) -> None:
    text = write_expression(tree)
    if depth(tree) <= MAX_DEPTH:
        assert read_expression(text, FIELD) == tree


@given(some.text(some.sampled_from('ab()!&|" \\ANDORT'), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = read_expression(text, FIELD)
    except Problem:
        return

    assert read_expression(write_expression(tree), FIELD) == tree
    assert depth(tree) <= MAX_DEPTH


def test_the_limits_themselves_are_kept() -> None:
    wide = either(*(tag(f"t{n}") for n in range(MAX_LEAVES)))
    deep = A
    for _ in range((MAX_DEPTH - 2) // 2):
        deep = no(every(deep, B))

    assert read_expression(write_expression(wide), FIELD) == wide
    assert read_expression(write_expression(deep), FIELD) == deep

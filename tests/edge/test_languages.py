"""Is a caller told in a language of theirs what is wrong, completely and quickly?"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.edge.languages.catalogue import PLACE, languages, load, tell
from services.edge.languages.preference import choose
from tests.edge.conftest import World

SERVICES = Path(__file__).parents[2] / "services"
# Who takes a sentence, or the end of one, and in which place.
TAKERS = {"invalid": 1, "FieldInvalid": 1, "Problem": 2, "malformed": 0, "unauthenticated": 0}
OTHERS = sorted(languages() - {"en"})


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may come to, with places where something is put in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            places = iter(range(10))
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{next(places)}}}"
                for part in parts
            )
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body)
            yield from texts(orelse)


def trees() -> Iterator[ast.AST]:
    for file in SERVICES.rglob("*.py"):
        if "sandbox" not in file.parts:
            yield from ast.walk(ast.parse(file.read_text()))


def told() -> set[str]:
    """Every sentence that the code tells a caller, in whichever room it stands."""
    found: set[str] = set()
    for node in trees():
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            place = TAKERS.get(name, len(node.args))
            if place < len(node.args):
                found.update(texts(node.args[place]))
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_that_the_code_tells_is_translated(language: str) -> None:
    missing = sorted(told() - load(language).sentences.keys())

    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_line_is_left_of_a_sentence_that_nobody_tells(language: str) -> None:
    known = {text for node in trees() for text in texts(node)}
    stale = sorted(load(language).sentences.keys() - known)

    assert stale == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_puts_in_the_same(language: str) -> None:
    wrong = {
        english: text
        for english, text in load(language).sentences.items()
        if sorted(PLACE.findall(english)) != sorted(PLACE.findall(text))
    }

    assert not wrong


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-de", "de"),
        ("en-US,de;q=0.5", "en"),
        ("en;q=0.5, de;q=0.8", "de"),
        ("de-DE;q=1.0, en-DE;q=0.9", "de"),
        ("fr, de;q=0.7, *;q=0.1", "de"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("de;q=0.2, *;q=0.9", "en"),
        ("de;q=nonsense", "en"),
        ("de;q=nan", "en"),
        ("de ; q = 0.9, en ; q = 0.1", "de"),
        (",;,;;q=", "en"),
        ("zh-CN,zh-TW;q=0.8", "en"),
    ],
)
def test_the_heaviest_of_our_languages_is_chosen(header: str, language: str) -> None:
    assert choose(header, languages()) == language


@given(header=some.text())
def test_no_header_confuses_it(header: str) -> None:
    assert choose(header, languages()) in languages()


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("The parameter 'token' is required.", "Der Parameter 'token' wird benötigt."),
        (
            "The parameter 'badge' must be a whole number, not a string.",
            "Der Parameter 'badge' muss eine ganze Zahl sein, nicht eine Zeichenkette.",
        ),
        (
            "The parameter 'message' is too large for platform A: 5 bytes of at most 4.",
            "Der Parameter 'message' ist zu groß für die Plattform A: 5 Bytes von höchstens 4.",
        ),
        (
            "The resource 'Tag' with tagName 'is required' does not exist. Check 'tagName'.",
            "Die Ressource 'Tag' mit tagName 'is required' gibt es nicht. Bitte 'tagName' prüfen.",
        ),
        ("A sentence that nobody translated.", "A sentence that nobody translated."),
    ],
)
def test_what_is_put_in_stays_what_it_is(english: str, german: str) -> None:
    assert tell(english, "de") == (german, "de")


@given(text=some.text(alphabet="'x .{0}1:", max_size=3000))
def test_no_text_makes_it_search_for_long(text: str) -> None:
    for sentence in list(load("de").sentences)[:20]:
        load("de").translate(PLACE.sub(lambda _: text, sentence))


async def test_an_answer_says_which_language_it_is_in(world: World) -> None:
    asked = {"Accept-Language": "de-CH, en;q=0.5"}
    german = await world.call("GET", "/devices/x", headers=world.client | asked)
    english = await world.call("GET", "/devices/x")
    nowhere = await world.http.get("/nowhere", headers=asked)

    assert german.headers["content-language"] == nowhere.headers["content-language"] == "de"
    assert german.json()["message"] == (
        "Die Ressource 'Device' mit deviceId 'x' gibt es nicht. Bitte 'deviceId' prüfen."
    )
    assert english.headers["content-language"] == "en"
    assert re.search("does not exist", english.json()["message"])
    assert german.json()["code"] == english.json()["code"]


async def test_tags_that_are_not_found_are_told_so_too(world: World) -> None:
    await world.register()
    asked = world.client | {"Accept-Language": "de"}

    answer = await world.post(
        "/subscriptions", {"deviceId": "phone", "tagNames": ["x"]}, headers=asked
    )

    assert answer.json()["tagsNotFound"]["message"].startswith("Die Ressource 'Tag'")

"""Sentences in other languages than English, in which they stand in the code.

A language is a file: English on the left, with `{0}`, `{1}` where something is put in, and the same
on the right. What is put in is found again in the English sentence. Unless it stands in quotes, and
so is somebody's own, it is translated in its turn, for it may be half a sentence (`must not be
empty`). What no line of the file fits stays English.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from services.edge.languages.preference import ENGLISH, choose

FOLDER = Path(__file__).parent
PLACE = re.compile(r"\{(\d)\}")
# Longer texts hold what a caller sent; nobody reads them to the end.
MAX_LENGTH = 4000
MAX_DEPTH = 3


class Catalogue:
    def __init__(self, sentences: dict[str, str]) -> None:
        self.sentences = sentences
        self._fixed = {english: text for english, text in sentences.items() if "{" not in english}
        # The more of a sentence is its own, the sooner it is meant.
        order = sorted(sentences.keys() - self._fixed.keys(), key=_weigh)
        self._patterns = [
            (english.partition("{")[0], _compile(english), english) for english in order
        ]

    def translate(self, text: str, depth: int = 0) -> str:
        """The same in this language, as far as the catalogue knows it."""
        if text in self._fixed:
            return self._fixed[text]
        if len(text) > MAX_LENGTH or depth > MAX_DEPTH:
            return text
        for beginning, pattern, english in self._patterns:
            found = text.startswith(beginning) and pattern.fullmatch(text)
            if found:
                return self._put_in(english, found.groups(), depth + 1)
        return text

    def _put_in(self, english: str, parts: Sequence[str], depth: int) -> str:
        told = [
            part if f"'{{{i}}}'" in english else self.translate(part, depth)
            for i, part in enumerate(parts)
        ]
        return PLACE.sub(lambda place: told[int(place[1])], self.sentences[english])


def tell(text: str, accept_language: str) -> tuple[str, str]:
    """An English sentence in the language that the header prefers, and which one that is."""
    if not accept_language:
        return text, ENGLISH
    language = choose(accept_language, languages())
    return (text if language == ENGLISH else load(language).translate(text)), language


@cache
def languages() -> frozenset[str]:
    return frozenset({ENGLISH, *(file.stem for file in FOLDER.glob("*.toml"))})


@cache
def load(language: str) -> Catalogue:
    with (FOLDER / f"{language}.toml").open("rb") as file:
        return Catalogue(tomllib.load(file))


def _weigh(english: str) -> int:
    return -len(PLACE.sub("", english))


def _compile(english: str) -> re.Pattern[str]:
    """Each place ends where the words after it first come: nothing is tried twice."""
    first, *others = PLACE.split(english)[::2]
    *inner, last = map(re.escape, others)
    places = "".join(f"(?>(.*?){words})" for words in inner)
    return re.compile(f"{re.escape(first)}{places}(.*){last}", re.DOTALL)

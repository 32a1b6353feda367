"""When does the fuse blow that keeps one wrong switch from burying a fleet?"""

from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.pacing.fuse import Fuse


def blows(fuse: Fuse, answers: list[bool]) -> list[int]:
    """After which answers it blew."""
    return [number for number, bad in enumerate(answers, 1) if fuse.note(is_bad=bad)]


@given(some.lists(some.booleans(), max_size=120), some.integers(1, 40))
def test_exactly_when_more_than_a_fifth_of_a_full_window_is_bad(
    answers: list[bool], window: int
) -> None:
    expected = next(
        (
            end
            for end in range(window, len(answers) + 1)
            if sum(answers[end - window : end]) > window / 5
        ),
        None,
    )

    assert blows(Fuse(window), answers) == ([expected] if expected else [])


def test_not_before_two_hundred_answers() -> None:
    assert blows(Fuse(), [True] * 199) == []
    assert blows(Fuse(), [True] * 300) == [200]


def test_not_by_a_fifth() -> None:
    assert blows(Fuse(), [True, False, False, False, False] * 100) == []


def test_it_counts_anew_when_an_operator_has_decided() -> None:
    fuse = Fuse()
    blows(fuse, [True] * 200)
    fuse.reset()

    assert (fuse.share, fuse.is_blown) == (0.0, False)
    assert blows(fuse, [True] * 200) == [200]

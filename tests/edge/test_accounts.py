"""Can anything that happens, in any order, make a revoked secret be believed for too long?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as some

from services.edge.access import Caller
from services.edge.accounts import Accounts, Kind, Rules, Shown
from tests.edge.conftest import APP_ID, Clock

SECONDS = 4.0
SECRET = Shown.of(Kind.APP_SECRET, "secret")


@dataclass
class Story:
    """An application whose secret comes and goes, and an edge that hears of it late."""

    clock: Clock = field(default_factory=Clock)
    version: int = 1
    is_valid: bool = True
    # When the secret was last valid.
    last_valid: float = 0.0
    on_the_way: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accounts = Accounts(SECONDS, self.clock)
        self.last_valid = self.clock.now

    def change(self) -> None:
        self.is_valid = not self.is_valid
        self.version += 1

    def ask(self) -> None:
        """The answer tells how it is now, and comes whenever it comes."""
        asked, version, is_valid = self.clock.now, self.version, self.is_valid

        def arrive() -> None:
            rules = Rules(
                version, enabled=True, verify_client_secret=True, clients_list_devices=False
            )
            account = self.accounts.learn(APP_ID, rules, asked)
            if is_valid:
                account.valid[SECRET] = (Caller.BACK_END, inf)

        self.on_the_way.append(arrive)

    def confirm(self) -> None:
        asked, version = self.clock.now, self.version
        self.on_the_way.append(lambda: self.accounts.confirm(APP_ID, version, asked))

    def arrive_first(self) -> None:
        if self.on_the_way:
            self.on_the_way.pop(0)()

    def arrive_last(self) -> None:
        if self.on_the_way:
            self.on_the_way.pop()()

    def poll(self) -> None:
        """A confirmation that comes at once."""
        self.confirm()
        self.arrive_last()

    def wait(self) -> None:
        self.clock.now += SECONDS / 2

    @property
    def is_believed(self) -> bool:
        account = self.accounts.get(APP_ID)
        return account is not None and account.recall(SECRET, self.clock.now) is not None


STEPS = (
    Story.change,
    Story.ask,
    Story.confirm,
    Story.poll,
    Story.arrive_first,
    Story.arrive_last,
    Story.wait,
)


@settings(max_examples=1000)
@given(some.lists(some.sampled_from(STEPS), min_size=5, max_size=40))
def test_nothing_is_believed_that_was_not_so_within_the_last_seconds(
    steps: list[Callable[[Story], None]],
) -> None:
    story = Story()
    for step in steps:
        step(story)
        if story.is_valid:
            story.last_valid = story.clock.now

        assert not story.is_believed or story.clock.now - story.last_valid < SECONDS


def test_what_is_so_is_believed_as_long_as_it_is_confirmed() -> None:
    story = Story()
    story.ask()
    story.arrive_first()
    for _ in range(100):
        story.wait()
        story.poll()

        assert story.is_believed

"""What is no figure goes to the standard error: the standard output ends with a line of JSON."""

import sys

from dev.console import Console


class Log(Console):
    """What the rooms say."""

    def __init__(self) -> None:
        super().__init__(colours=sys.stderr.isatty())

    def say(self, text: str = "") -> None:
        say(text)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

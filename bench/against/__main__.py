"""How do registration and a broadcast compare with Parse Server's, and who loses messages?

Both on PostgreSQL with its usual durability, both to the same nginx that answers as APNs does, one
after the other in the same run. The last line of the standard output is one of JSON.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.against import ours, parse
from bench.against.task import PHONES, REGISTERED, ROUNDS, Result
from bench.figures import describe_machine
from bench.log import Log, say
from bench.wire import install_packages


def describe(name: str, result: Result) -> None:
    say(f"{name}: {result.registrations_per_s:,.0f} registrations a second")
    for each in result.broadcasts:
        say(
            f"{name}: {(PHONES - each.lost) / each.seconds:9,.0f} notifications a second, "
            f"{each.lost} of {PHONES} lost, {each.repeated} repeated"
        )


def figures(mine: Result, theirs: Result) -> dict[str, object]:
    return {
        "phones": PHONES,
        "registered": REGISTERED,
        "broadcasts": ROUNDS,
        "registrations_per_s": round(mine.registrations_per_s),
        "parse_registrations_per_s": round(theirs.registrations_per_s),
        "registrations_ratio": round(mine.registrations_per_s / theirs.registrations_per_s, 2),
        "notifications_per_s": round(mine.notifications_per_s),
        "parse_notifications_per_s": round(theirs.notifications_per_s),
        "notifications_ratio": round(mine.notifications_per_s / theirs.notifications_per_s, 2),
        "lost": mine.lost,
        "parse_lost": theirs.lost,
        "repeated": mine.repeated,
        "parse_repeated": theirs.repeated,
    }


async def main() -> None:
    say(describe_machine())
    install_packages()
    subprocess.run(  # noqa: ASYNC221  nothing else runs yet
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"],  # noqa: S607
        cwd=parse.FOLDER,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        mine = await ours.measure(Path(folder) / "ours", Log())
        describe("ours ", mine)
        theirs = await parse.measure(Path(folder) / "parse")
        describe("parse", theirs)
    sys.stdout.write(f"{msgspec.json.encode(figures(mine, theirs)).decode()}\n")


if __name__ == "__main__":
    asyncio.run(main())

"""Does docs/errors.md tell every code that a caller can meet?"""

import re
from pathlib import Path

from services.edge import problems

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
CODE = re.compile(r"(?:FPWSE|CARILLON)\d{4}E")


def test_every_code_is_told_and_no_other() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = {code for row in rows for code in CODE.findall(row.split("|")[1])}
    known = {value for value in vars(problems).values() if CODE.fullmatch(str(value))}

    assert told == known

"""Does docs/errors.md tell every code that a caller can meet?"""

import re
from pathlib import Path

from services.edge import problems

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
CODE = re.compile(r"(?:FPWSE|CARILLON)\d{4}E")


def test_every_code_is_told_and_no_other() -> None:
    told = set(CODE.findall(PAGE.read_text()))
    known = {value for value in vars(problems).values() if CODE.fullmatch(str(value))}

    assert told == known

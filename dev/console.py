"""What a person sees: each room's JSON log lines as one readable line, coloured by room."""

import json
import sys
from typing import Any

RESET, DIM, RED, YELLOW = "\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[33m"
COLOURS = {
    "edge": "\x1b[36m",
    "registry": "\x1b[32m",
    "targeting": "\x1b[34m",
    "dispatch-api": "\x1b[35m",
    "dispatch-planner": "\x1b[95m",
    "dispatch-sender": "\x1b[33m",
    "dispatch-reporter": "\x1b[93m",
    "sandbox": "\x1b[90m",
}
WIDTH = max(map(len, COLOURS))
STANDARD = {"event", "level", "timestamp", "room", "span_id"}
LEVELS = {"error": RED, "critical": RED, "warning": YELLOW}


class Console:
    """Writes lines; with colours on a terminal alone."""

    def __init__(self, *, colours: bool | None = None) -> None:
        self._colours = sys.stdout.isatty() if colours is None else colours

    def say(self, text: str = "") -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def show(self, room: str, line: str) -> None:
        """Show a room's line; what is no JSON (a crash before logging began) as it is."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        text = self._tell(event) if isinstance(event, dict) else line
        self.say(f"{self._paint(COLOURS.get(room, ''), room.ljust(WIDTH))} {text}")

    def _tell(self, event: dict[str, Any]) -> str:
        time = str(event.get("timestamp", ""))[11:23]
        name = self._paint(LEVELS.get(str(event.get("level")), ""), str(event.get("event", "")))
        fields = " ".join(
            f"{key}={value}" for key, value in event.items() if key not in STANDARD and value != ""
        )
        return f"{self._paint(DIM, time)} {name} {self._paint(DIM, fields)}".rstrip()

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colours and colour else text

"""How figures are told: percentiles, rates, and the machine they come from."""

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def describe_times(label: str, seconds: Sequence[float]) -> str:
    """A line with median, p99 and maximum in milliseconds."""
    median, p99, worst = (1000 * percentile(seconds, share) for share in (0.5, 0.99, 1.0))
    return f"{label:<42} median {median:7.2f} ms   p99 {p99:7.2f} ms   max {worst:7.2f} ms"


def describe_machine() -> str:
    return (
        f"{_processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f} at the start, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

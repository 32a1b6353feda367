"""What does somebody get who says `make run` for the first time, and for the second?"""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # it has no types
import pytest

from dev.house import free_ports
from tests.house.waiting import LIMIT_SECONDS

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
# A runner with one room, which says that it serves.
LEASHING = """
import os, subprocess, sys
leash = [sys.executable, "-um", "dev.leash", str(os.getpid())]
room = subprocess.Popen([*leash, "http.server", "0", "--bind", "127.0.0.1"])
print(room.pid)
room.wait()
"""
ADDRESS = "my-first-fcm-token"
VARIABLES = {
    "PUSH_BASE_URL",
    "PUSH_APP_ID",
    "PUSH_APP_SECRET",
    "PUSH_CLIENT_SECRET",
    "PUSH_OPERATOR_KEY",
    "SANDBOX_URL",
}


@dataclass(frozen=True, slots=True)
class Life:
    """What was seen of one run from its start to its end."""

    mode: int
    lines: list[str]
    variables: dict[str, str]
    curls: list[str]
    devices: list[str]
    arrived: list[str]
    status: int
    output: str
    left_over: list[str]


class Runner:
    """`python -m dev.run` in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name.upper(): str(port) for name, port in asdict(free_ports()).items()}
        self.dev_env = folder / ".carillon" / "dev.env"
        self.output = folder / "output"

    def environment(self) -> Mapping[str, str]:
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "gen")))
        return {**os.environ, "PYTHONPATH": paths, **self.ports}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "dev.run"]

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with (
            self.output.open("wb") as output,
            subprocess.Popen(  # noqa: S603  our own program
                self.command(),
                cwd=self.folder,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def wait_for(self, process: subprocess.Popen[bytes], file: Path, text: str = "") -> None:
        """Until the file is there with this text in it."""
        for _ in range(int(START_SECONDS / 0.05)):
            if file.exists() and text in file.read_text():
                return
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(self.output.read_text())

    def shell(self, script: str) -> str:
        """What a shell in the folder says to it."""
        command = ["/bin/sh", "-ec", script]
        done = subprocess.run(  # noqa: S603  our own script
            command, cwd=self.folder, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout


def first_steps(output: str) -> list[str]:
    """The curl commands that were printed, each in one line."""
    joined = output.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    return [line for line in lines if line.startswith("curl ")]


def live(runner: Runner, *, follow_steps: bool) -> Life:
    """Run it, do what it says if asked to, look around, and press Ctrl-C."""
    with runner.running() as process:
        runner.wait_for(process, runner.dev_env)
        lines = runner.dev_env.read_text().splitlines()
        mode = runner.dev_env.stat().st_mode & 0o777
        variables = dict(line.split("=", 1) for line in lines)
        variables = {name: shlex.split(value)[0] for name, value in variables.items()}
        runner.wait_for(process, runner.output, "Ctrl-C ends everything.")
        curls = first_steps(runner.output.read_text()) if follow_steps else []
        sourced = ". .carillon/dev.env"
        answers = [runner.shell(f"{sourced}; {curl} --silent --fail") for curl in curls]
        devices, arrived = look(variables, wait=follow_steps)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        status = process.wait(LIMIT_SECONDS)
        _, alive = psutil.wait_procs(children, timeout=1)
    left_over = [str(child) for child in alive]
    left_over += [str(file) for file in (runner.dev_env,) if file.exists()]
    left_over += [str(file) for file in runner.folder.rglob("postmaster.pid")]
    return Life(
        mode,
        lines,
        variables,
        answers,
        devices,
        arrived,
        status,
        runner.output.read_text(),
        left_over,
    )


def look(variables: Mapping[str, str], *, wait: bool) -> tuple[list[str], list[str]]:
    """The demo application's devices, and the addresses at which something arrived for the phone.

    Something else arrives too: credentials are shown to their gateways before they are kept.
    """
    base, sandbox = variables["PUSH_BASE_URL"], variables["SANDBOX_URL"]
    with httpx.Client(trust_env=False, timeout=30) as client:
        devices = client.get(
            f"{base}/imfpush/v1/apps/{variables['PUSH_APP_ID']}/devices",
            headers={"appSecret": variables["PUSH_APP_SECRET"]},
        ).json()["devices"]
        query = {"address": ADDRESS, "wait": 10 if wait else 0}
        arrivals = client.get(f"{sandbox}/api/notifications", params=query).json()
    return (
        [device["deviceId"] for device in devices],
        [arrival["address"] for arrival in arrivals["notifications"]],
    )


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("runner"))


@pytest.fixture(scope="module")
def first(runner: Runner) -> Life:
    return live(runner, follow_steps=True)


@pytest.fixture(scope="module")
def second(runner: Runner, first: Life) -> Life:
    return live(runner, follow_steps=False)


def test_six_variables_for_a_shell_in_a_file_of_their_own(first: Life) -> None:
    assert set(first.variables) == VARIABLES
    assert len(first.lines) == len(VARIABLES)
    assert all(first.variables.values())
    assert first.mode == 0o600


def test_a_demo_application_without_devices_and_the_commands_to_ring_one(first: Life) -> None:
    registered, sent = first.curls

    assert '"deviceId":"my-phone"' in registered
    assert '"messageId"' in sent
    assert first.devices == ["my-phone"]
    assert first.arrived == [ADDRESS]


@pytest.mark.parametrize(
    "line",
    [
        'MFPPush.overrideServerHost = "{PUSH_BASE_URL}";',
        'MFPPush.getInstance().initialize(this, "{PUSH_APP_ID}", "{PUSH_CLIENT_SECRET}");',
        'BMSPushClient.overrideServerHost = "{PUSH_BASE_URL}"',
        'overrideServerHost: "{PUSH_BASE_URL}"',
        'applicationServerKey: "B',
        'PushNotifications.overrideServerHost = "{PUSH_BASE_URL}";',
        '"{PUSH_APP_ID}", "{PUSH_APP_SECRET}")',
    ],
)
def test_the_lines_that_point_an_sdk_at_it(first: Life, line: str) -> None:
    assert line.format(**first.variables) in first.output


def test_an_end_in_order_at_ctrl_c(first: Life) -> None:
    assert first.status == 0
    assert first.output.rstrip().endswith("Everything has ended.")
    assert first.left_over == []


def test_everything_as_it_was_at_the_second_start(first: Life, second: Life) -> None:
    assert second.variables == first.variables
    assert second.devices == ["my-phone"]
    assert (second.status, second.left_over) == (0, [])


def start_in_vain(runner: Runner, **told: str) -> subprocess.CompletedProcess[str]:
    """Run it where it cannot start, and see what it says."""
    return subprocess.run(  # noqa: S603  our own program
        runner.command(),
        cwd=runner.folder,
        env={**runner.environment(), **told},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_one_sentence_when_a_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        done = start_in_vain(Runner(tmp_path), DISPATCH_PORT=str(port))

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert str(port) in done.stderr
    assert "DISPATCH_PORT" in done.stderr


def test_one_sentence_when_the_databases_have_the_schema_of_another_version(tmp_path: Path) -> None:
    kept = tmp_path / ".carillon" / "postgres"
    kept.mkdir(parents=True)
    (tmp_path / ".carillon" / "schema").write_text("of another version")

    done = start_in_vain(Runner(tmp_path))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"rm -r {tmp_path}/.carillon" in done.stderr
    assert list(kept.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell a child of its parent")
def test_no_room_that_outlives_a_killed_runner() -> None:
    with subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-uc", LEASHING], stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        room = psutil.Process(int(runner.stdout.readline()))
        serving = runner.stdout.readline()
        runner.kill()
        room.wait(LIMIT_SECONDS)

    assert serving.startswith("Serving HTTP")
    assert not room.is_running()

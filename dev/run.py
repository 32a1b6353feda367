"""`make run`: the whole house on this machine, with the sandbox for gateways, until Ctrl-C."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from dev import databases
from dev.clients import describe_clients
from dev.console import Console
from dev.demo import Demo, load_demo, write_dev_env
from dev.keys import Keys, load_keys
from dev.postgres import PostgresNotStarted
from dev.processes import NotStarted, Processes, check_ports
from dev.rooms import LOOPBACK, describe
from dev.settings import STATE, Databases, Ports, read_databases, read_ports
from services.kit import telemetry
from services.kit.settings import SettingInvalid

FIRST_STEPS = """
Carillon is ready.

  REST API   {base}/imfpush/v1
  Sandbox    {sandbox}   (open it in a browser: what you send arrives there)
  Demo app   ACME Bank, its secrets in .carillon/dev.env

Register a phone and send it the first notification:

  . .carillon/dev.env
  curl -X POST $PUSH_BASE_URL/imfpush/v1/apps/$PUSH_APP_ID/devices \\
    -H "clientSecret: $PUSH_CLIENT_SECRET" -H 'Content-Type: application/json' \\
    -d '{{"deviceId": "my-phone", "platform": "G", "token": "my-first-fcm-token"}}'
  curl -X POST $PUSH_BASE_URL/imfpush/v1/apps/$PUSH_APP_ID/messages \\
    -H "appSecret: $PUSH_APP_SECRET" -H 'Content-Type: application/json' \\
    -d '{{"message": {{"alert": "Hello from ACME Bank"}}}}'
{clients}
Ctrl-C ends everything.
"""


async def live(console: Console) -> int:
    """Start everything, wait for Ctrl-C or an end by itself, end everything; the exit status."""
    ports, given = read_ports(), read_databases()
    dev_env = STATE.resolve() / "dev.env"
    dev_env.unlink(missing_ok=True)
    check_ports(ports.all())
    keys = load_keys(_state_folder())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    processes = Processes(console)
    async with AsyncExitStack() as house:
        house.callback(console.say, "Everything has ended.")
        urls = given if given.are_given else await _open_databases(console, house)
        await databases.migrate_all(urls)
        house.push_async_callback(processes.close)
        house.callback(dev_env.unlink, missing_ok=True)
        starting = asyncio.create_task(_start(processes, ports, urls, keys, dev_env))
        await _first(starting, stop.wait(), processes.ended.wait())
        if starting.done() and not stop.is_set():
            console.say(_greet(ports, starting.result()))
            await _first(stop.wait(), processes.ended.wait())
        starting.cancel()
        console.say("Ending.")
    return 1 if processes.ended.is_set() and not stop.is_set() else 0


def _state_folder() -> Path:
    STATE.mkdir(exist_ok=True)
    return STATE.resolve()


async def _open_databases(console: Console, house: AsyncExitStack) -> Databases:
    databases.check_schema(_state_folder())
    console.say("Starting PostgreSQL.")
    postgres = house.enter_context(databases.embedded(_state_folder() / "postgres"))
    return await databases.prepare(postgres)


async def _start(
    processes: Processes, ports: Ports, urls: Databases, keys: Keys, dev_env: Path
) -> Demo:
    for room in describe(ports, urls, keys, _state_folder()):
        await processes.start(room)
    base, sandbox = _base_url(ports), _sandbox_url(ports)
    demo = await asyncio.to_thread(load_demo, _state_folder(), base, sandbox, keys.operator_key)
    write_dev_env(
        dev_env,
        {
            "PUSH_BASE_URL": base,
            "PUSH_APP_ID": demo.app_id,
            "PUSH_APP_SECRET": demo.app_secret,
            "PUSH_CLIENT_SECRET": demo.client_secret,
            "PUSH_OPERATOR_KEY": keys.operator_key,
            "SANDBOX_URL": sandbox,
        },
    )
    return demo


def _greet(ports: Ports, demo: Demo) -> str:
    base = _base_url(ports)
    return FIRST_STEPS.format(
        base=base, sandbox=_sandbox_url(ports), clients=describe_clients(base, demo)
    )


def _base_url(ports: Ports) -> str:
    return f"http://{LOOPBACK}:{ports.edge_port}"


def _sandbox_url(ports: Ports) -> str:
    return f"http://{LOOPBACK}:{ports.sandbox_port}"


async def _first(*awaitables: object) -> None:
    tasks = [asyncio.ensure_future(each) for each in awaitables]  # type: ignore[call-overload]  # tasks and coroutines alike
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def main() -> None:
    telemetry.start_logging("run", "WARNING")
    try:
        status = asyncio.run(live(Console()))
    except (NotStarted, PostgresNotStarted, databases.SchemaChanged, SettingInvalid) as error:
        sys.stderr.write(f"{error}\n")
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()

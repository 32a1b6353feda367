"""What a million scheduled messages cost a house that has nothing to do.

The CPU of each process over the same time, before and after they are put on record; every other one
is for a single device. The last line of the standard output is one of JSON.
"""

import asyncio
import json

import asyncpg

from bench.cpu import POSTGRES, cpu_seconds, differences
from bench.figures import describe_machine
from bench.log import say
from bench.premises import Premises, open_premises

MESSAGES = 1_000_000
SECONDS = 30.0
PLANNER = "dispatch-planner"
FILL = """
    WITH put AS (
        INSERT INTO messages (app_id, message_id, content, target, annotation, trace_parent, status,
                              create_time, start_time)
        SELECT $1::uuid, lpad(n::text, 8, '0'), '{"alert": "Hi"}',
               CASE WHEN n % 2 = 0 THEN '{"kind": "devices", "names": ["phone"]}'::jsonb
                    ELSE '{"kind": "everyone"}'::jsonb END,
               '', '', 0, now(), now() + interval '1 day' + n * interval '1 second'
        FROM generate_series(1, $2::int) AS n
        RETURNING app_id, message_id, start_time
    )
    INSERT INTO plans (app_id, message_id, is_small, due_time)
    SELECT app_id, message_id, message_id::int % 2 = 0, start_time FROM put
"""
LOOK = """
    EXPLAIN (ANALYZE, BUFFERS) SELECT app_id, message_id FROM plans
    WHERE NOT is_small AND due_time <= now() ORDER BY due_time LIMIT 1 FOR UPDATE SKIP LOCKED
"""


async def watch(premises: Premises) -> dict[str, float]:
    before = cpu_seconds(premises.house)
    await asyncio.sleep(SECONDS)
    return differences(before, cpu_seconds(premises.house))


async def fill(premises: Premises) -> list[str]:
    """The plan of the planner's question, after they are there."""
    connection = await asyncpg.connect(premises.house.place.databases.dispatch_database_url)
    try:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(FILL, premises.demo.app_id, MESSAGES, timeout=900)
        await connection.execute("VACUUM (ANALYZE) messages, plans", timeout=900)
        return [row[0] for row in await connection.fetch(LOOK)]
    finally:
        await connection.close()


async def main() -> None:
    say(describe_machine())
    async with open_premises() as premises:
        await asyncio.sleep(SECONDS / 3)
        empty = await watch(premises)
        for line in await fill(premises):
            say(line)
        await asyncio.sleep(SECONDS / 3)
        full = await watch(premises)
    for name in sorted(full):
        say(
            f"{name:<20} {1000 * empty[name] / SECONDS:7.1f} ms/s before, "
            f"{1000 * full[name] / SECONDS:7.1f} ms/s with them"
        )
    figures = {
        "messages": MESSAGES,
        "idle_ms_per_s": sum(empty.values()) * 1000 / SECONDS,
        "scheduled_ms_per_s": sum(full.values()) * 1000 / SECONDS,
        "idle_planner_ms_per_s": empty[PLANNER] * 1000 / SECONDS,
        "scheduled_planner_ms_per_s": full[PLANNER] * 1000 / SECONDS,
        "idle_postgresql_ms_per_s": empty[POSTGRES] * 1000 / SECONDS,
        "scheduled_postgresql_ms_per_s": full[POSTGRES] * 1000 / SECONDS,
    }
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    asyncio.run(main())

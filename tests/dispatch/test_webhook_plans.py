"""Do the statements about webhooks, their events and news use indexes, however much waits?"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.webhooks import EventKind
from services.dispatch.store import backlogs, events, news, sealing, webhooks
from services.kit.paging import Window
from services.kit.vault import Vault
from tests.conftest import NOON
from tests.dispatch.makers import APP
from tests.dispatch.test_queue_plans import explain

ROWS = 30_000
ONE = 7
# Without events: what is sealed here was sealed by nobody, and cannot be opened.
NONE = 9_999
VAULT = Vault({"new": bytes(32)})
# Two thousand webhooks of as many applications; of their events half wait, and half are dead.
FILL = (
    """
    INSERT INTO webhooks (app_id, name, url, kinds, annotation, key_id, sealed_keyring, create_time,
                          update_time, wake_time)
    SELECT CASE WHEN n = 7 THEN CAST(:app AS uuid) ELSE gen_random_uuid() END, 'crm',
           'https://crm.example', 32, '', 'new', '', now(), now(),
           CASE WHEN n % 100 = 0 THEN now() END
    FROM generate_series(1, 2000) AS n
    """,
    """
    INSERT INTO webhook_events (event_id, webhook_id, key_id, sealed_body, trace_parent, state,
                                create_time, due_time, end_time)
    SELECT gen_random_uuid(), 1 + n % 2000, 'new', decode(repeat('ab', 300), 'hex'), '',
           1 + n / 2000 % 2, now(), now() + n % 60 * interval '1 minute', now() + interval '1 day'
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO news (app_id, message_id, platform, outcome, reason, uids)
    SELECT gen_random_uuid(), 'abcdefgh', 1, 2, '', decode('01', 'hex')
    FROM generate_series(1, :rows) AS n
    """,
)
Verb = Callable[[AsyncConnection], Awaitable[Any]]


def dead(tx: AsyncConnection) -> Awaitable[Any]:
    return events.dead(tx, VAULT, APP, NONE, Window(size=5))


VERBS: dict[str, tuple[Verb, set[str]]] = {
    "lease a webhook": (
        # None is taken, because its keyring could not be opened.
        lambda tx: webhooks.lease(tx, VAULT, 0, timedelta(seconds=30)),
        {"webhooks_wake"},
    ),
    "find a webhook": (
        lambda tx: webhooks.number_of(tx, APP, "crm"),
        {"webhooks_app_id_name_key"},
    ),
    "who listens": (
        lambda tx: webhooks.listening(tx, [APP, uuid4()], EventKind(32)),
        {"webhooks_app_id_name_key"},
    ),
    "whom to tell": (lambda tx: webhooks.lock(tx, [APP]), {"webhooks_app_id_name_key"}),
    "wake webhooks": (lambda tx: webhooks.wake(tx, [ONE]), {"webhooks_pkey"}),
    "what is due": (
        lambda tx: events.due(tx, VAULT, APP, NONE, 100),
        {"webhook_events_due"},
    ),
    "take off what was delivered": (
        lambda tx: events.delete(tx, [1, 2]),
        {"webhook_events_pkey"},
    ),
    "give up": (lambda tx: events.give_up(tx, ONE, "500", NOON), {"webhook_events_due"}),
    "forget dead letters": (
        lambda tx: events.forget_dead(tx, NOON, 100),
        {"webhook_events_end"},
    ),
    "list dead letters": (dead, {"webhook_events_dead"}),
    "revive": (lambda tx: events.revive(tx, ONE, [], NOON), {"webhook_events_dead"}),
    "find full backlogs": (
        lambda tx: backlogs.find_full(tx, 100, 10),
        {"webhook_events_due", "webhook_events_dead"},
    ),
    "give up the oldest": (
        lambda tx: backlogs.give_up_oldest(tx, ONE, 2, NOON),
        {"webhook_events_due"},
    ),
    "forget the oldest": (
        lambda tx: backlogs.forget_oldest(tx, ONE, 2),
        {"webhook_events_dead"},
    ),
    "seal anew": (
        lambda tx: sealing.reseal_events(tx, VAULT, ROWS - 100, 10),
        {"webhook_events_pkey"},
    ),
    "take news": (lambda tx: news.take(tx, 50), {"news_pkey"}),
}


async def test_no_statement_reads_all_events_or_all_news(dispatch_db: AsyncEngine) -> None:
    async with dispatch_db.begin() as tx:
        for statement in FILL:
            names = sa.text(statement).compile().params
            given = {"app": APP, "rows": ROWS}
            await tx.execute(sa.text(statement), {name: given[name] for name in names})
    async with dispatch_db.connect() as tx:
        autocommit = await tx.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(sa.text("VACUUM (ANALYZE)"))
    for name, (verb, indexes) in VERBS.items():
        plan = await explain(dispatch_db, verb)

        assert "Seq Scan on webhook_events" not in plan, (name, plan)
        assert "Seq Scan on news" not in plan, (name, plan)
        assert all(index in plan for index in indexes), (name, plan)

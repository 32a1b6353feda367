"""Messages, the queue of parcels, the ledger, receipts and the outbox.

`parcels` and `plans` are queues: small, updated often, emptied when done. `ledger` is append-only
and partitioned by the message's day; `messages` and `requests` are not, because they are found
without knowing the day.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE messages (
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL CHECK (length(message_id) = 8),
        number bigint GENERATED ALWAYS AS IDENTITY,
        content jsonb NOT NULL,
        target jsonb NOT NULL,
        -- Once opened on one of a user's phones, it goes from the others.
        is_synced boolean NOT NULL DEFAULT false,
        -- One of ours, such as what makes it go: shown in no list.
        is_internal boolean NOT NULL DEFAULT false,
        annotation text NOT NULL,
        trace_parent text NOT NULL,
        status smallint NOT NULL CHECK (status BETWEEN 0 AND 8),
        create_time timestamptz NOT NULL,
        -- When it was accepted, or the time before which it is not to be sent. Its outcomes stand
        -- under this day.
        start_time timestamptz NOT NULL,
        expire_time timestamptz,
        end_time timestamptz,
        -- While it is paused.
        pause_time timestamptz,
        PRIMARY KEY (app_id, message_id)
    ) WITH (fillfactor = 90)
    """,
    # What is listed.
    """
    CREATE INDEX messages_newest ON messages (app_id, number DESC)
    WHERE status <> 8 AND NOT is_internal
    """,
    "CREATE INDEX messages_by_age ON messages (start_time)",
    # What is under way: few rows, asked for by the planner whenever a parcel ends.
    "CREATE INDEX messages_dispatching ON messages (app_id, message_id) WHERE status = 3",
    """
    CREATE TABLE plans (
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        -- It needs no cutting, only its time: many are begun at once.
        is_small boolean NOT NULL DEFAULT false,
        resume_token text NOT NULL DEFAULT '',
        -- Where its next parcel stands among those of its application.
        turn bigint,
        failures integer NOT NULL DEFAULT 0,
        due_time timestamptz NOT NULL DEFAULT now(),
        epoch integer NOT NULL DEFAULT 0,
        PRIMARY KEY (app_id, message_id)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)
    """,
    # due_time is when a plan may be taken: a lease moves it ahead, a failure too. What is scheduled
    # stands behind all that is due, and is never looked at before.
    "CREATE INDEX plans_due ON plans (due_time) WHERE NOT is_small",
    "CREATE INDEX plans_small ON plans (due_time) WHERE is_small",
    """
    CREATE TABLE parcels (
        parcel_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        lane smallint NOT NULL CHECK (lane IN (1, 2)),
        -- Its place among all applications' in the lane, and its turn among its own application's.
        place bigint NOT NULL,
        turn bigint NOT NULL DEFAULT 0,
        platform smallint NOT NULL CHECK (platform BETWEEN 0 AND 6),
        gate text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(gate) <= 32),
        after_uid bigint NOT NULL,
        through_uid bigint NOT NULL CHECK (through_uid > after_uid),
        uids bytea,
        attempt smallint NOT NULL DEFAULT 0,
        first_time timestamptz NOT NULL,
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
        due_time timestamptz NOT NULL DEFAULT now(),
        epoch integer NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)
    """,
    # Leased and delayed rows stand outside: a lease never scans past them.
    "CREATE INDEX parcels_ready ON parcels (lane, place, parcel_id) WHERE state = 1",
    # due_time is when a lease runs out, a delay ends, or the time of what is parked or paused is
    # over.
    "CREATE INDEX parcels_due ON parcels (due_time) WHERE state IN (2, 3, 4, 5)",
    # What a circuit parks, and in which order it is made ready again.
    """
    CREATE INDEX parcels_of_platform ON parcels (app_id, platform, gate, place, parcel_id)
    WHERE state = 1
    """,
    """
    CREATE INDEX parcels_parked ON parcels (app_id, platform, gate, place, parcel_id)
    WHERE state = 4
    """,
    "CREATE INDEX parcels_message ON parcels (app_id, message_id)",
    # Whose turn it is among an application's own messages; a small one is a message of its own.
    """
    CREATE INDEX parcels_turns ON parcels (app_id, turn, parcel_id) WHERE state = 1 AND lane = 2
    """,
    # How far an application has come in a lane: where its last parcel ends, the road that it was
    # given last, and where its last turn ends. Not indexed beside: it is updated at each send.
    """
    CREATE TABLE shares (
        app_id uuid NOT NULL,
        lane smallint NOT NULL CHECK (lane IN (1, 2)),
        finish bigint NOT NULL,
        length bigint NOT NULL,
        turn bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (app_id, lane)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE weights (
        app_id uuid PRIMARY KEY,
        weight smallint NOT NULL CHECK (weight BETWEEN 1 AND 1000)
    )
    """,
    # Where each lane stands: the furthest place from which anybody took a parcel.
    "CREATE SEQUENCE express_clock MINVALUE 0 START 0",
    "CREATE SEQUENCE bulk_clock MINVALUE 0 START 0",
    """
    CREATE TABLE ledger (
        day date NOT NULL,
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        segment_id bigint GENERATED ALWAYS AS IDENTITY,
        parcel_id bigint NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        knot bigint NOT NULL,
        first_uid bigint NOT NULL,
        last_uid bigint NOT NULL CHECK (knot BETWEEN first_uid AND last_uid),
        uids bytea NOT NULL,
        codes bytea NOT NULL,
        kinds jsonb NOT NULL,
        write_time timestamptz NOT NULL DEFAULT now()
    ) PARTITION BY RANGE (day)
    """,
    # A segment stands under the roundest uid of its stretch: who looks for one uid looks under at
    # most 63, and compares the stretches in the index.
    "CREATE INDEX ledger_spans ON ledger (app_id, message_id, knot, first_uid, last_uid)",
    # The order in which outcomes are listed.
    "CREATE INDEX ledger_listed ON ledger (app_id, message_id, segment_id)",
    # By the day of the message, as the ledger: they are forgotten together.
    """
    CREATE TABLE receipts (
        day date NOT NULL,
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        uid bigint NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        outcome smallint NOT NULL CHECK (outcome IN (3, 4)),
        update_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, message_id, uid, day)
    ) PARTITION BY RANGE (day)
    """,
    # How many devices of a message reported what, and no further.
    """
    CREATE TABLE receipt_counts (
        day date NOT NULL,
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        platform smallint NOT NULL,
        outcome smallint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (app_id, message_id, platform, outcome, day)
    ) PARTITION BY RANGE (day)
    """,
    # How many outcomes of an application stand on a day; with outcome 0, under one day and no
    # platform, how many messages it has.
    """
    CREATE TABLE day_counts (
        app_id uuid NOT NULL,
        day date NOT NULL,
        platform smallint NOT NULL,
        outcome smallint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (app_id, day, platform, outcome)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX day_counts_by_day ON day_counts (day)",
    # What is not yet in either total. Whoever writes outcomes adds rows here instead of waiting
    # for one another at a counter. Only receipts name their message.
    """
    CREATE TABLE count_changes (
        change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        day date NOT NULL,
        message_id text COLLATE "C" NOT NULL DEFAULT '',
        platform smallint NOT NULL,
        outcome smallint NOT NULL,
        delta integer NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
    """
    CREATE INDEX count_changes_by_key
    ON count_changes (app_id, day, message_id) INCLUDE (platform, outcome, delta)
    """,
    # By trigger: an upsert does not know which of its rows are new, nor what stood there.
    """
    CREATE FUNCTION count_new_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO count_changes (app_id, day, message_id, platform, outcome, delta)
        SELECT app_id, day, message_id, platform, outcome, count(*) FROM after
        GROUP BY 1, 2, 3, 4, 5;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION count_changed_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO count_changes (app_id, day, message_id, platform, outcome, delta)
        SELECT app_id, day, message_id, platform, outcome, sum(delta) FROM (
            SELECT app_id, day, message_id, platform, outcome, -1 AS delta FROM before
            UNION ALL
            SELECT app_id, day, message_id, platform, outcome, 1 FROM after
        ) AS change
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(delta) <> 0;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_new AFTER INSERT ON receipts REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_receipts()
    """,
    """
    CREATE TRIGGER count_changed AFTER UPDATE ON receipts
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_receipts()
    """,
    # Synced messages opened on a phone, until the user's other phones are told.
    """
    CREATE TABLE dismissals (
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        uid bigint NOT NULL,
        PRIMARY KEY (app_id, message_id, uid)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
    """
    CREATE TABLE address_reports (
        report_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        uid bigint NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        gate text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(gate) <= 32),
        address_digest bytea NOT NULL CHECK (length(address_digest) = 32),
        found_time timestamptz NOT NULL,
        finding smallint NOT NULL CHECK (finding BETWEEN 1 AND 4),
        held boolean NOT NULL,
        due_time timestamptz NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
    # What a blown fuse holds stands outside: the reporter never scans past it.
    "CREATE INDEX address_reports_due ON address_reports (due_time) WHERE NOT held",
    "CREATE INDEX address_reports_of ON address_reports (app_id, platform, gate, held)",
    # Both are empty on a good day. A gate is one way to a platform's gateway, by one credential.
    """
    CREATE TABLE circuits (
        app_id uuid NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        gate text COLLATE "C" NOT NULL CHECK (length(gate) <= 32),
        cause smallint NOT NULL CHECK (cause BETWEEN 1 AND 3),
        reason text NOT NULL,
        version bigint NOT NULL,
        failures integer NOT NULL,
        open_time timestamptz NOT NULL DEFAULT now(),
        probe_time timestamptz NOT NULL,
        closing boolean NOT NULL,
        PRIMARY KEY (app_id, platform, gate)
    )
    """,
    """
    CREATE TABLE fuses (
        app_id uuid NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        gate text COLLATE "C" NOT NULL CHECK (length(gate) <= 32),
        share double precision NOT NULL,
        blow_time timestamptz NOT NULL DEFAULT now(),
        confirm_time timestamptz,
        PRIMARY KEY (app_id, platform, gate)
    )
    """,
    """
    CREATE TABLE requests (
        app_id uuid NOT NULL,
        request_id text COLLATE "C" NOT NULL CHECK (length(request_id) BETWEEN 1 AND 128),
        digest bytea NOT NULL CHECK (length(digest) = 32),
        message_ids text[] NOT NULL,
        expire_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, request_id)
    )
    """,
    "CREATE INDEX requests_expired ON requests (expire_time)",
    """
    CREATE TABLE channel_groups (
        app_id uuid NOT NULL,
        group_id text COLLATE "C" NOT NULL CHECK (length(group_id) BETWEEN 1 AND 254),
        name text NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, group_id)
    )
    """,
    # What a channel looks like is read and written as a whole; nobody searches in it.
    """
    CREATE TABLE channels (
        app_id uuid NOT NULL,
        channel_id text COLLATE "C" NOT NULL CHECK (length(channel_id) BETWEEN 1 AND 254),
        settings jsonb NOT NULL,
        group_id text COLLATE "C",
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, channel_id),
        FOREIGN KEY (app_id, group_id) REFERENCES channel_groups ON DELETE SET NULL (group_id)
    )
    """,
    # Which channels a deleted group leaves behind.
    "CREATE INDEX channels_group ON channels (app_id, group_id) WHERE group_id IS NOT NULL",
    # How far the feeds of other rooms were read.
    """
    CREATE TABLE feeds (
        feed text PRIMARY KEY,
        position text NOT NULL
    )
    """,
    # wake_time is when there is something to do for a webhook: an event is due, a pause is over, or
    # whoever worked for it has vanished; null when nothing waits.
    """
    CREATE TABLE webhooks (
        webhook_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 254),
        url text NOT NULL,
        kinds smallint NOT NULL CHECK (kinds > 0),
        annotation text NOT NULL,
        key_id text NOT NULL,
        sealed_keyring bytea NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        wake_time timestamptz,
        epoch integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        UNIQUE (app_id, name)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX webhooks_wake ON webhooks (wake_time) WHERE wake_time IS NOT NULL",
    # The outbox of webhooks. A body may hold addresses, which are sealed wherever they rest.
    """
    CREATE TABLE webhook_events (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL,
        webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
        key_id text NOT NULL,
        sealed_body bytea NOT NULL,
        trace_parent text NOT NULL,
        state smallint NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),
        attempts integer NOT NULL DEFAULT 0,
        reason text NOT NULL DEFAULT '',
        create_time timestamptz NOT NULL,
        due_time timestamptz NOT NULL DEFAULT now(),
        end_time timestamptz NOT NULL
    ) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02)
    """,
    # end_time is when trying ends, and of a dead letter when it is forgotten.
    """
    CREATE INDEX webhook_events_due ON webhook_events (webhook_id, due_time, number)
        WHERE state = 1
    """,
    "CREATE INDEX webhook_events_dead ON webhook_events (webhook_id, number) WHERE state = 2",
    "CREATE INDEX webhook_events_end ON webhook_events (end_time) WHERE state = 2",
    # What came of messages whose application listens: told to its webhooks, then deleted.
    """
    CREATE TABLE news (
        news_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        outcome smallint NOT NULL CHECK (outcome BETWEEN 2 AND 7),
        reason text NOT NULL,
        uids bytea NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now()
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

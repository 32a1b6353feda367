"""Tags, subscriptions, broadcast opt-outs, and what is left to clear away."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    # Names compare byte by byte: the order of lists must not hang on the server's locale.
    """
    CREATE TABLE tags (
        app_id uuid NOT NULL,
        tag_id bigint GENERATED ALWAYS AS IDENTITY,
        name text COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 254),
        description text NOT NULL CHECK (char_length(description) <= 1024),
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, tag_id),
        UNIQUE (app_id, name)
    )
    """,
    # The key is the order in which a tag is cut and resolved. There is no foreign key: a deleted
    # tag's number is never issued again, and its rows are cleared away afterwards, in batches.
    """
    CREATE TABLE subscriptions (
        app_id uuid NOT NULL,
        tag_id bigint NOT NULL,
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        uid bigint NOT NULL CHECK (uid > 0),
        create_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, tag_id, platform, uid)
    )
    """,
    "CREATE INDEX subscriptions_by_device ON subscriptions (app_id, uid, tag_id)",
    """
    CREATE TABLE broadcast_opt_outs (
        app_id uuid NOT NULL,
        uid bigint NOT NULL CHECK (uid > 0),
        create_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, uid)
    )
    """,
    # A queue, small: either a deleted tag, or the opt-outs of a deleted application up to the
    # highest uid it then had.
    """
    CREATE TABLE removals (
        removal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        tag_id bigint,
        through_uid bigint,
        create_time timestamptz NOT NULL,
        CHECK (num_nonnulls(tag_id, through_uid) = 1)
    )
    """,
    # What is counted: an application's tags (kind 1), the subscriptions to a tag (kind 2), and all
    # subscriptions of an application (kind 3); tag_id is 0 but for the second. The total of a key
    # is its row here and its changes below.
    """
    CREATE TABLE counts (
        app_id uuid NOT NULL,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
        tag_id bigint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (app_id, kind, tag_id)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX counts_empty ON counts (app_id) WHERE total = 0",
    # Whoever subscribes adds rows here instead of waiting for one another at a counter.
    """
    CREATE TABLE count_changes (
        change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        kind smallint NOT NULL,
        tag_id bigint NOT NULL,
        delta integer NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
    "CREATE INDEX count_changes_by_key ON count_changes (app_id, kind, tag_id) INCLUDE (delta)",
    # By trigger, so that no statement can forget it.
    """
    CREATE FUNCTION count_tags() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO count_changes (app_id, kind, tag_id, delta)
        SELECT app_id, 1, 0, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
        FROM changed GROUP BY app_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION count_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO count_changes (app_id, kind, tag_id, delta)
        SELECT app_id, CASE WHEN tag_id IS NULL THEN 3 ELSE 2 END, coalesce(tag_id, 0),
               CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
        FROM changed GROUP BY GROUPING SETS ((app_id, tag_id), (app_id));
        RETURN NULL;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER count_{word} AFTER {verb} ON {table} REFERENCING {rows} TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION count_{table}()
        """
        for table in ("tags", "subscriptions")
        for word, verb, rows in (("new", "INSERT", "NEW"), ("gone", "DELETE", "OLD"))
    ),
    """
    CREATE TABLE feed_position (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        position text NOT NULL
    )
    """,
    "INSERT INTO feed_position (position) VALUES ('')",
    # Until when somebody wants to be told what happens to an application's subscriptions.
    """
    CREATE TABLE watches (
        app_id uuid PRIMARY KEY,
        end_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX watches_by_end ON watches (end_time)",
    # What happens to subscriptions of watched applications; nobody else's is written. A tag may
    # be gone when its name is read here, so the name is kept. tag_id is 0 for broadcasts.
    """
    CREATE TABLE subscription_events (
        position xid8 NOT NULL DEFAULT pg_current_xact_id(),
        id bigint GENERATED ALWAYS AS IDENTITY,
        app_id uuid NOT NULL,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
        uid bigint NOT NULL,
        tag_id bigint NOT NULL,
        tag_name text COLLATE "C" NOT NULL,
        create_time timestamptz NOT NULL,
        PRIMARY KEY (position, id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

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
    """
    CREATE TABLE feed_position (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        position text NOT NULL
    )
    """,
    "INSERT INTO feed_position (position) VALUES ('')",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

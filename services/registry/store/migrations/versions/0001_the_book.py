"""The book: applications, secrets, gateway settings, devices, and the feed of what is gone."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    # A deleted application keeps its row: its id is never given to another, because other rooms
    # learn of the deletion later and would delete the newcomer's things.
    """
    CREATE TABLE applications (
        app_id uuid PRIMARY KEY,
        display_name text NOT NULL CHECK (char_length(display_name) <= 254),
        enabled boolean NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        delete_time timestamptz,
        swept_time timestamptz,
        old_style boolean NOT NULL,
        verify_client_secret boolean NOT NULL,
        clients_list_devices boolean NOT NULL,
        web_sites_only boolean NOT NULL,
        access_version bigint NOT NULL DEFAULT 1,
        watch_end_time timestamptz
    )
    """,
    """
    CREATE INDEX applications_to_sweep ON applications (app_id)
    WHERE delete_time IS NOT NULL AND swept_time IS NULL
    """,
    """
    CREATE TABLE application_secrets (
        app_id uuid NOT NULL REFERENCES applications,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
        digest bytea NOT NULL CHECK (octet_length(digest) = 32),
        create_time timestamptz NOT NULL,
        expire_time timestamptz,
        PRIMARY KEY (app_id, kind, digest)
    )
    """,
    """
    CREATE TABLE api_keys (
        app_id uuid NOT NULL REFERENCES applications,
        key_id text NOT NULL,
        display_name text NOT NULL CHECK (char_length(display_name) <= 254),
        role smallint NOT NULL CHECK (role BETWEEN 1 AND 3),
        digest bytea NOT NULL CHECK (octet_length(digest) = 32),
        create_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, key_id)
    )
    """,
    """
    CREATE TABLE vapid_keys (
        app_id uuid PRIMARY KEY REFERENCES applications,
        public_key bytea NOT NULL CHECK (octet_length(public_key) = 65),
        key_id text NOT NULL,
        sealed_private_key bytea NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    # A sequence, so that a configuration forgotten and set again has a higher version still.
    "CREATE SEQUENCE gateway_versions",
    """
    CREATE TABLE gateway_configurations (
        app_id uuid NOT NULL REFERENCES applications,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 6),
        settings jsonb NOT NULL,
        key_id text NOT NULL,
        sealed_secrets bytea NOT NULL,
        version bigint NOT NULL DEFAULT nextval('gateway_versions'),
        update_time timestamptz NOT NULL,
        expire_time timestamptz,
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
        state_reason text NOT NULL CHECK (char_length(state_reason) <= 64),
        icons bytea,
        PRIMARY KEY (app_id, kind)
    )
    """,
    """
    CREATE INDEX gateway_configurations_by_expiry ON gateway_configurations (expire_time)
    WHERE expire_time IS NOT NULL
    """,
    # No foreign key: registration locks the application once per batch instead of once per row.
    # Room is left in the pages, so that a device that vouches again is rewritten in place.
    """
    CREATE TABLE devices (
        app_id uuid NOT NULL,
        uid bigint GENERATED ALWAYS AS IDENTITY,
        device_id text NOT NULL CHECK (char_length(device_id) BETWEEN 1 AND 254),
        platform smallint NOT NULL CHECK (platform BETWEEN 1 AND 6),
        address text NOT NULL CHECK (octet_length(address) BETWEEN 1 AND 4096),
        address_digest bytea NOT NULL CHECK (octet_length(address_digest) = 32),
        user_id text CHECK (char_length(user_id) BETWEEN 1 AND 254),
        variables jsonb NOT NULL CHECK (jsonb_typeof(variables) = 'object'),
        user_agent text NOT NULL CHECK (char_length(user_agent) <= 512),
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
        environment smallint CHECK (environment BETWEEN 1 AND 2),
        newer_twin_uid bigint,
        address_time timestamptz NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, uid),
        CONSTRAINT devices_by_device_id UNIQUE (app_id, device_id)
    ) WITH (fillfactor = 85)
    """,
    # One index for both: cutting what is ACTIVE without touching the table, and listing what is
    # not DEAD.
    """
    CREATE INDEX devices_by_platform ON devices (app_id, platform, uid) INCLUDE (state)
    WHERE state <> 3
    """,
    """
    CREATE INDEX devices_by_user ON devices (app_id, user_id, uid) INCLUDE (platform, state)
    WHERE user_id IS NOT NULL
    """,
    # Few rows: what an operator may restore.
    "CREATE INDEX devices_quarantined ON devices (app_id, uid) WHERE state = 2",
    # Who shares an address. A prefix of the digest is enough to find the few that may.
    "CREATE INDEX devices_by_address ON devices (app_id, substr(address_digest, 1, 8))",
    # What is counted: devices on record that are not DEAD (kind 1, under one day), and
    # registrations by day (kind 2). The total of a key is its row here and its changes below.
    """
    CREATE TABLE device_counts (
        app_id uuid NOT NULL,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
        day date NOT NULL,
        platform smallint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (app_id, kind, day, platform)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX device_counts_by_day ON device_counts (day)",
    "CREATE INDEX device_counts_empty ON device_counts (app_id) WHERE total = 0",
    # Whoever writes devices adds rows here instead of waiting for one another at a counter.
    """
    CREATE TABLE device_count_changes (
        change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app_id uuid NOT NULL,
        kind smallint NOT NULL,
        day date NOT NULL,
        platform smallint NOT NULL,
        delta integer NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.02)
    """,
    """
    CREATE INDEX device_count_changes_by_key
    ON device_count_changes (app_id, kind, day, platform) INCLUDE (delta)
    """,
    # By trigger, so that no statement can forget it: an upsert does not even know which of its
    # rows are new.
    """
    CREATE FUNCTION count_new_devices() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO device_count_changes (app_id, kind, day, platform, delta)
        SELECT app_id, 1, date '2000-01-01', platform, count(*) FROM after
        WHERE state <> 3 GROUP BY app_id, platform
        UNION ALL
        SELECT app_id, 2, (create_time AT TIME ZONE 'UTC')::date, platform, count(*) FROM after
        GROUP BY 1, 3, 4;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION count_changed_devices() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO device_count_changes (app_id, kind, day, platform, delta)
        SELECT app_id, 1, date '2000-01-01', platform, sum(delta) FROM (
            SELECT app_id, platform, -1 AS delta FROM before WHERE state <> 3
            UNION ALL
            SELECT app_id, platform, 1 FROM after WHERE state <> 3
        ) AS change
        GROUP BY app_id, platform HAVING sum(delta) <> 0;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION count_gone_devices() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO device_count_changes (app_id, kind, day, platform, delta)
        SELECT app_id, 1, date '2000-01-01', platform, -count(*) FROM before
        WHERE state <> 3 GROUP BY app_id, platform;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER count_new AFTER INSERT ON devices REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_devices()
    """,
    """
    CREATE TRIGGER count_changed AFTER UPDATE ON devices
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_devices()
    """,
    """
    CREATE TRIGGER count_gone AFTER DELETE ON devices REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION count_gone_devices()
    """,
    """
    CREATE TABLE tombstones (
        app_id uuid NOT NULL,
        uid bigint NOT NULL,
        device_id text NOT NULL,
        platform smallint NOT NULL,
        delete_time timestamptz NOT NULL,
        PRIMARY KEY (app_id, uid)
    )
    """,
    "CREATE INDEX tombstones_by_device_id ON tombstones (app_id, device_id)",
    "CREATE INDEX tombstones_by_age ON tombstones (delete_time)",
    """
    CREATE TABLE changes (
        position xid8 NOT NULL DEFAULT pg_current_xact_id(),
        id bigint GENERATED ALWAYS AS IDENTITY,
        app_id uuid NOT NULL,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
        uid bigint,
        create_time timestamptz NOT NULL,
        PRIMARY KEY (position, id)
    )
    """,
    # What happens to devices of watched applications (watch_end_time); nobody else's is written.
    """
    CREATE TABLE device_events (
        position xid8 NOT NULL DEFAULT pg_current_xact_id(),
        id bigint GENERATED ALWAYS AS IDENTITY,
        app_id uuid NOT NULL,
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
        uid bigint NOT NULL,
        device_id text NOT NULL,
        user_id text,
        platform smallint NOT NULL,
        address text NOT NULL,
        create_time timestamptz NOT NULL,
        PRIMARY KEY (position, id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

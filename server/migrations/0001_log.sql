-- One text for SQLite and PostgreSQL; BYTES stands for BLOB or BYTEA, WITHOUT ROWID (one tree a table, not
-- two) is for SQLite alone. City id leads every key.
CREATE TABLE actors (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    actor BYTES NOT NULL,
    introduction BYTES NOT NULL,
    PRIMARY KEY (city, document, actor)
) WITHOUT ROWID;
-- A line begins at the start (line 0) or where it parts from another line of its actor.
CREATE TABLE lines (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    actor BYTES NOT NULL,
    line BIGINT NOT NULL,
    parent BIGINT NOT NULL,
    from_seq BIGINT NOT NULL,
    from_hash BYTES NOT NULL,
    from_op BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTES NOT NULL,
    next_op BIGINT NOT NULL,
    PRIMARY KEY (city, document, actor, line)
) WITHOUT ROWID;
-- first_id and last_id: the least and the greatest event id in the run.
CREATE TABLE runs (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    actor BYTES NOT NULL,
    line BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    before_hash BYTES NOT NULL,
    last_hash BYTES NOT NULL,
    first_op BIGINT NOT NULL,
    events BIGINT NOT NULL,
    first_id BYTES NOT NULL,
    last_id BYTES NOT NULL,
    attestation BYTES NOT NULL,
    bytes BYTES NOT NULL,
    feed BIGINT NOT NULL,
    PRIMARY KEY (city, document, actor, line, last_seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX runs_feed ON runs (city, feed);
-- A segment is a recipe: the runs of a document with feed numbers after one and up to another, in key
-- order. They are not changed any more.
CREATE TABLE segments (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    upto_feed BIGINT NOT NULL,
    after_feed BIGINT NOT NULL,
    hash BYTES NOT NULL,
    size BIGINT NOT NULL,
    header BYTES NOT NULL,
    PRIMARY KEY (city, document, upto_feed)
) WITHOUT ROWID;
CREATE UNIQUE INDEX segments_hash ON segments (city, hash);
CREATE TABLE sealed_rows (
    city BYTES NOT NULL,
    branch BYTES NOT NULL,
    person BYTES NOT NULL,
    field TEXT NOT NULL,
    stamp BIGINT NOT NULL,
    author BYTES NOT NULL,
    content BYTES NOT NULL,
    content_hash BYTES NOT NULL,
    signature BYTES NOT NULL,
    feed BIGINT NOT NULL,
    PRIMARY KEY (city, branch, person, field)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sealed_feed ON sealed_rows (city, feed);
CREATE TABLE reached (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    actor BYTES NOT NULL,
    line BIGINT NOT NULL,
    upstream_seq BIGINT NOT NULL,
    upstream_hash BYTES NOT NULL,
    city_seq BIGINT NOT NULL,
    PRIMARY KEY (city, document, actor, line)
) WITHOUT ROWID;
CREATE TABLE statements (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    bytes BYTES NOT NULL,
    PRIMARY KEY (city, document)
) WITHOUT ROWID;
CREATE TABLE meta (
    city BYTES NOT NULL,
    name TEXT NOT NULL,
    bytes BYTES NOT NULL,
    PRIMARY KEY (city, name)
) WITHOUT ROWID;
-- A projection: made again from the runs at any time.
CREATE TABLE course_attendance (
    city BYTES NOT NULL,
    document TEXT NOT NULL,
    actor BYTES NOT NULL,
    course TEXT NOT NULL,
    recorded BIGINT NOT NULL,
    attended BIGINT NOT NULL,
    PRIMARY KEY (city, document, actor, course)
) WITHOUT ROWID;
CREATE TABLE codes (
    city BYTES NOT NULL,
    code_hash BYTES NOT NULL,
    branch BYTES NOT NULL,
    role BIGINT NOT NULL,
    label TEXT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT,
    PRIMARY KEY (city, code_hash)
) WITHOUT ROWID;
CREATE TABLE devices (
    city BYTES NOT NULL,
    device BYTES NOT NULL,
    public_key BYTES NOT NULL,
    branch BYTES NOT NULL,
    role BIGINT NOT NULL,
    label TEXT NOT NULL,
    enrolled BIGINT NOT NULL,
    PRIMARY KEY (city, device)
) WITHOUT ROWID
package stall_test

// change is one kind of safe change, as a file of goose.
type change struct {
	name string
	sql  string
	// beside: a transaction that has read the table is open for some seconds meanwhile.
	beside bool
	// writing: that transaction has written.
	writing bool
}

// base makes what the changes are made to.
const base = `-- +goose Up
CREATE TABLE sources (id bigint PRIMARY KEY);
INSERT INTO sources SELECT generate_series(1, 100);
CREATE TABLE events (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id bigint NOT NULL,
  code      bigint GENERATED ALWAYS AS IDENTITY,
  kind      varchar(20) NOT NULL,
  note      text,
  amount    integer NOT NULL DEFAULT 1,
  legacy    text,
  at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_legacy ON events (legacy);
CREATE VIEW events_shown AS SELECT id, note FROM events;
CREATE TABLE forms_seen (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO forms_seen SELECT n, 'form' FROM generate_series(1, 100) n;`

const (
	up    = "-- +goose Up\n"
	alone = "-- +goose NO TRANSACTION\n-- +goose Up\n"
)

// changes are made one after the other.
var changes = []change{
	{name: "add column", sql: up + `ALTER TABLE events ADD COLUMN tag text;`},
	{name: "add column with a constant default", sql: up + `ALTER TABLE events ADD COLUMN weight integer NOT NULL DEFAULT 1;`},
	{name: "create index concurrently", sql: alone + `CREATE INDEX CONCURRENTLY events_source ON events (source_id);`},
	{name: "drop index concurrently", sql: alone + `DROP INDEX CONCURRENTLY events_at;`},
	{name: "check, not valid", sql: up + `ALTER TABLE events ADD CONSTRAINT events_note CHECK (note IS NOT NULL) NOT VALID;`},
	{name: "validate the check", sql: alone + `ALTER TABLE events VALIDATE CONSTRAINT events_note;`},
	{name: "set not null, proven by the check", sql: up + "ALTER TABLE events ALTER COLUMN note SET NOT NULL;\nALTER TABLE events DROP CONSTRAINT events_note;"},
	{name: "foreign key, not valid", sql: up + `ALTER TABLE events ADD CONSTRAINT events_source_fkey FOREIGN KEY (source_id) REFERENCES sources NOT VALID;`},
	{name: "validate the foreign key", sql: alone + `ALTER TABLE events VALIDATE CONSTRAINT events_source_fkey;`},
	{name: "unique index concurrently", sql: alone + `CREATE UNIQUE INDEX CONCURRENTLY events_code ON events (code);`},
	{name: "unique constraint using the index", sql: up + `ALTER TABLE events ADD CONSTRAINT events_code_key UNIQUE USING INDEX events_code;`},
	{name: "varchar(20) to varchar(40) to text", sql: up + "ALTER TABLE events ALTER COLUMN kind TYPE varchar(40);\nALTER TABLE events ALTER COLUMN kind TYPE text;"},
	{name: "drop column", sql: up + `ALTER TABLE events DROP COLUMN amount;`},
	{name: "replace view", sql: up + `CREATE OR REPLACE VIEW events_shown AS SELECT id, note, at FROM events;`},
	{name: "create trigger", sql: up + `-- +goose StatementBegin
CREATE FUNCTION events_tagged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tag := coalesce(NEW.tag, 'none'); RETURN NEW; END $$;
-- +goose StatementEnd
CREATE TRIGGER events_tagged BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_tagged();`},

	{name: "add column", beside: true, sql: up + `ALTER TABLE events ADD COLUMN late text;`},
	{name: "check, not valid", beside: true, sql: up + `ALTER TABLE events ADD CONSTRAINT events_late CHECK (late <> '') NOT VALID;`},
	{name: "validate the check", beside: true, sql: alone + `ALTER TABLE events VALIDATE CONSTRAINT events_late;`},
	{name: "drop column and its index", beside: true, sql: up + `ALTER TABLE events DROP COLUMN legacy;`},
	{name: "replace view", beside: true, sql: up + `CREATE OR REPLACE VIEW events_shown AS SELECT id, note, at, kind FROM events;`},
	{name: "four changes of two tables", beside: true, sql: up + `ALTER TABLE sources ADD COLUMN name text;
ALTER TABLE sources ADD COLUMN url text;
ALTER TABLE events ADD COLUMN later text;
ALTER TABLE events ADD COLUMN latest text;`},
	{name: "create trigger", beside: true, writing: true, sql: up + `CREATE TRIGGER events_tagged_too BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION events_tagged();`},
	{name: "create index concurrently", beside: true, writing: true, sql: alone + `CREATE INDEX CONCURRENTLY events_note ON events (note);`},
}

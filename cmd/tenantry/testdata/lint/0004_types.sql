ALTER TABLE orders ALTER COLUMN total TYPE bigint;
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
CREATE TABLE notes (id serial PRIMARY KEY, order_id bigint REFERENCES orders, at timestamp);
CREATE INDEX ON notes (at);
DO $$ BEGIN NULL; END $$;

package preflight_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/preflight"
)

// wilyFiles do what a look must understand, or say that it does not: names that move, rows that are mended on the way, what may do anything.
var wilyFiles = []string{
	"00010_mend.sql", `UPDATE customers SET phone = '' WHERE phone IS NULL;
ALTER TABLE customers ALTER phone SET NOT NULL;
CREATE TEMP TABLE doomed ON COMMIT DROP AS SELECT id FROM orders;
INSERT INTO doomed VALUES (0);
ALTER TABLE order_items ADD COLUMN weight numeric;
UPDATE order_items SET weight = 0;
ALTER TABLE order_items ALTER weight SET NOT NULL, ADD CHECK (weight >= 0);`,
	"00011_move.sql", `ALTER TABLE forms RENAME TO sheets;
ALTER TABLE sheets RENAME COLUMN title TO heading;
ALTER TABLE sheets ADD COLUMN title text;
CREATE TABLE forms (id bigint PRIMARY KEY, title text NOT NULL);
CREATE VIEW all_forms AS SELECT id FROM sheets;
CREATE SCHEMA shop;
ALTER TABLE order_items SET SCHEMA shop;
ALTER TABLE shop.order_items ADD COLUMN gift boolean;
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders ADD COLUMN note text;`,
	"00012_path.sql", `SET search_path = shop;
CREATE TABLE orders (id bigint);
ALTER TABLE order_items ADD COLUMN colour text NOT NULL DEFAULT 'red';
ALTER TABLE orders ADD COLUMN vip boolean NOT NULL;`,
	"00013_later.sql", `ALTER TABLE public.orders ADD CONSTRAINT open CHECK (status <> 'odd') NOT VALID;
ALTER TABLE public.orders VALIDATE CONSTRAINT open;
ALTER TABLE IF EXISTS nothing_here ADD COLUMN a int;
CREATE TABLE IF NOT EXISTS public.customers (id bigint);
ALTER TABLE customers ADD COLUMN IF NOT EXISTS phone text;
CREATE FUNCTION tidy(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT trim($1)';
ALTER TABLE customers ADD CONSTRAINT tidy CHECK (tidy(name) <> '');
ALTER TABLE invoices ALTER number TYPE varchar(40);`,
	"00014_anything.sql", `DO $$ BEGIN EXECUTE 'CREATE TABLE made_by_hand (a int)'; DELETE FROM invoices WHERE order_id IS NULL; END $$;
ALTER TABLE made_by_hand ADD COLUMN b int NOT NULL;
ALTER TABLE invoices ALTER order_id SET NOT NULL;`,
}

// TestNoFalseAlarm: a release that can be applied is not said to fail, however it goes about it.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	tamper(t, f, "a",
		`INSERT INTO customers (name) VALUES ('no phone')`, `INSERT INTO orders (customer_id, number) VALUES (1, '1')`,
		`INSERT INTO order_items VALUES (1, 1, 'x', 1, 1)`, `INSERT INTO forms (slug, title) VALUES ('f', 'f')`,
		`INSERT INTO invoices (customer_id, number) VALUES (1, '1')`)
	publish(t, f, wilyFiles...)
	report := look(t, f, preflight.Options{})
	require.Empty(t, told(report, preflight.Blocking))
	require.Empty(t, told(report, preflight.Warning))
	require.NotEmpty(t, looked(report))
	require.Positive(t, report.RewriteBytes, "invoices.number becomes shorter")
	for _, slug := range []string{"a", "b"} {
		require.NoError(t, fails(t, f, slug))
	}
	require.Zero(t, look(t, f, preflight.Options{}).Statements, "nothing is left")
}

package main

// sampleRows fills an empty tenant of the sample product: customers, orders, invoices of the last 90 days with their lines,
// and a form with submissions. $1 is a number that makes tenants differ: from 2 to 12 of the invoices are of today. A tenant that has customers gets nothing.
// It returns how many customers it has made, how many of the invoices are of the present day, and that day, in UTC.
const sampleRows = `
WITH empty AS (
  SELECT $1::integer AS seed WHERE NOT EXISTS (SELECT FROM customers)
), c AS (
  INSERT INTO customers (name, email, phone)
  SELECT (ARRAY['Ada Lovelace','Grace Hopper','Edsger Dijkstra','Barbara Liskov','Alan Turing','Donald Knuth','Frances Allen','Niklaus Wirth'])[1 + i % 8]
           || CASE WHEN i >= 8 THEN ' ' || (i / 8 + 1) ELSE '' END,
         format('customer%s@example.com', i), format('+49 30 55%s', 1000 + i * 7)
  FROM empty, generate_series(0, 19 + (seed * 5) % 30) AS i
  RETURNING id
), n AS (
  SELECT id, row_number() OVER (ORDER BY id) AS i FROM c
), o AS (
  INSERT INTO orders (customer_id, number, status, ordered_at)
  SELECT n.id, format('O-%s-%s', n.i, k), (ARRAY['open','shipped','done'])[1 + (n.i + k) % 3],
         now() - make_interval(days => CASE WHEN k = 1 AND n.i <= 2 + seed * 7 % 11 THEN 0 ELSE 1 + (n.i * 7 + k * 13) % 89 END::integer)
  FROM empty, n, generate_series(1, 2) AS k
  RETURNING id, customer_id, number, ordered_at
), items AS (
  INSERT INTO order_items (order_id, line, item, quantity, unit_price)
  SELECT o.id, l, (ARRAY['Consulting','Licence','Support'])[l], l, 40 + (o.id * 17 + l * 31) % 400
  FROM o, generate_series(1, 3) AS l
), v AS (
  INSERT INTO invoices (customer_id, order_id, number, status, total, issued_at, due_at)
  SELECT o.customer_id, o.id, replace(o.number, 'O-', 'I-'), (ARRAY['sent','paid'])[1 + o.id % 2],
         (SELECT sum(l * (40 + (o.id * 17 + l * 31) % 400)) FROM generate_series(1, 3) AS l), o.ordered_at, o.ordered_at + interval '30 days'
  FROM o
  RETURNING id, order_id, issued_at
), lines AS (
  INSERT INTO invoice_lines (invoice_id, line, description, quantity, unit_price)
  SELECT v.id, l, (ARRAY['Consulting','Licence','Support'])[l], l, 40 + (v.order_id * 17 + l * 31) % 400
  FROM v, generate_series(1, 3) AS l
), f AS (
  INSERT INTO forms (slug, title, definition)
  SELECT 'feedback', 'Feedback', '{"fields": [{"key": "rating", "type": "integer"}, {"key": "comment", "type": "text"}]}'
  FROM empty
  RETURNING id
), submissions AS (
  INSERT INTO form_submissions (form_id, customer_id, answers, submitted_at)
  SELECT f.id, n.id, jsonb_build_object('rating', 1 + n.i % 5, 'comment', 'Sample'), now() - make_interval(hours => n.i::integer * 5)
  FROM f, n
)
SELECT (SELECT count(*) FROM c), (SELECT count(*) FROM v WHERE issued_at >= date_trunc('day', now(), 'UTC')), (now() AT TIME ZONE 'UTC')::date::text`

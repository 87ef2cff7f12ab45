-- +goose Up
CREATE TABLE invoices (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers ON DELETE RESTRICT,
  order_id    bigint REFERENCES orders ON DELETE SET NULL,
  number      text NOT NULL UNIQUE,
  status      text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'paid', 'void')),
  currency    text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
  total       numeric(14,2) NOT NULL DEFAULT 0,
  -- NULL while the invoice is a draft.
  issued_at   timestamptz,
  due_at      timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  CHECK (status = 'draft' OR issued_at IS NOT NULL)
);
CREATE INDEX invoices_customer ON invoices (customer_id);

CREATE TABLE invoice_lines (
  invoice_id  bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
  line        integer NOT NULL CHECK (line > 0),
  description text NOT NULL,
  quantity    numeric(12,3) NOT NULL DEFAULT 1,
  unit_price  numeric(14,2) NOT NULL,
  PRIMARY KEY (invoice_id, line)
);

-- What was billed in each month and currency; drafts and void invoices do not count.
CREATE VIEW monthly_revenue AS
SELECT date_trunc('month', issued_at AT TIME ZONE 'UTC')::date AS month,
       currency,
       count(*) AS invoices,
       sum(total) AS total
FROM invoices
WHERE status IN ('sent', 'paid')
GROUP BY 1, 2;

-- +goose Down
DROP VIEW monthly_revenue;
DROP TABLE invoice_lines;
DROP TABLE invoices;

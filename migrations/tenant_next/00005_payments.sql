-- +goose Up
-- What was paid for an invoice, and when somebody was reminded that nothing was.
ALTER TABLE invoices ADD COLUMN reminded_at timestamptz;

CREATE TABLE payments (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  invoice_id bigint NOT NULL REFERENCES invoices ON DELETE RESTRICT,
  amount     numeric(14,2) NOT NULL CHECK (amount > 0),
  paid_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payments_invoice ON payments (invoice_id);

-- +goose Down
DROP TABLE payments;
ALTER TABLE invoices DROP COLUMN reminded_at;

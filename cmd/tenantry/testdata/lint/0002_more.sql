ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers;

-- tenantry:allow drop_column: no code reads it since 2026.10
ALTER TABLE customers DROP COLUMN fax;

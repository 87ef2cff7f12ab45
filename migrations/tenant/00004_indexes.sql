-- +goose NO TRANSACTION
-- +goose Up
-- Built without blocking writers: by now these tables may be large.
CREATE INDEX CONCURRENTLY invoices_issued ON invoices (issued_at) INCLUDE (total, currency, status);
CREATE INDEX CONCURRENTLY orders_ordered ON orders (ordered_at);
CREATE INDEX CONCURRENTLY form_submissions_answers ON form_submissions USING gin (answers jsonb_path_ops);

-- +goose Down
DROP INDEX CONCURRENTLY form_submissions_answers;
DROP INDEX CONCURRENTLY orders_ordered;
DROP INDEX CONCURRENTLY invoices_issued;

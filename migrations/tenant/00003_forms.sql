-- +goose Up
-- Forms are what a tenant's own people build; a submission keeps the answers as they were given.
CREATE TABLE forms (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  title      text NOT NULL,
  definition jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(definition) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE form_submissions (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  form_id      bigint NOT NULL REFERENCES forms ON DELETE CASCADE,
  customer_id  bigint REFERENCES customers ON DELETE SET NULL,
  answers      jsonb NOT NULL CHECK (jsonb_typeof(answers) = 'object'),
  submitted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX form_submissions_form ON form_submissions (form_id, submitted_at);

-- +goose StatementBegin
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
  -- A semicolon; a 'quote' and a $$ in here end nothing.
  NEW.updated_at := now();
  RETURN NEW;
END
$body$;
-- +goose StatementEnd

CREATE TRIGGER touch BEFORE UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON orders
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON invoices
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON forms
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- +goose Down
DROP TRIGGER touch ON forms;
DROP TRIGGER touch ON invoices;
DROP TRIGGER touch ON orders;
DROP TRIGGER touch ON customers;
DROP FUNCTION touch_updated_at();
DROP TABLE form_submissions;
DROP TABLE forms;

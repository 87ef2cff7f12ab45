package lint

import (
	"cmp"
	"slices"
	"strings"
)

// Rule is a name for what can be wrong with a statement.
type Rule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// About says what breaks the rule.
	About string `json:"about"`
}

// Rules lists all rules by severity and name.
func Rules() []Rule {
	list := slices.Clone(rules)
	order := map[Severity]int{Error: 0, Warning: 1, Notice: 2}
	slices.SortFunc(list, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(order[a.Severity], order[b.Severity]), strings.Compare(a.ID, b.ID))
	})
	return list
}

var rules = []Rule{
	{"add_column_rewrite", Error, "ADD COLUMN with a volatile default, GENERATED STORED, an identity, serial, or a domain with constraints"},
	{"add_column_not_null", Error, "ADD COLUMN NOT NULL without a default"},
	{"set_not_null", Error, "SET NOT NULL without a validated CHECK (… IS NOT NULL)"},
	{"add_check", Error, "ADD CHECK without NOT VALID"},
	{"add_foreign_key", Error, "ADD FOREIGN KEY without NOT VALID"},
	{"validate_in_transaction", Error, "VALIDATE in the transaction that added the constraint"},
	{"add_unique", Error, "ADD UNIQUE without USING INDEX"},
	{"add_primary_key", Error, "ADD PRIMARY KEY without USING INDEX, or on columns that may be NULL"},
	{"add_exclusion", Error, "ADD EXCLUDE"},
	{"create_index", Error, "CREATE INDEX without CONCURRENTLY"},
	{"index_if_not_exists", Warning, "CREATE INDEX CONCURRENTLY IF NOT EXISTS"},
	{"drop_index", Warning, "DROP INDEX without CONCURRENTLY"},
	{"reindex", Error, "REINDEX without CONCURRENTLY"},
	{"alter_column_type", Error, "ALTER COLUMN TYPE that rewrites the table, or may"},
	{"alter_column_type_check", Error, "ALTER COLUMN TYPE that checks a constraint or builds an index anew"},
	{"alter_column_type_plans", Notice, "ALTER COLUMN TYPE in the catalog only: prepared statements fail once"},
	{"drop_column", Error, "DROP COLUMN"},
	{"drop_table", Error, "DROP TABLE, DROP SCHEMA"},
	{"drop_view", Error, "DROP VIEW, DROP MATERIALIZED VIEW, unless the transaction makes it again"},
	{"drop_routine", Warning, "DROP FUNCTION, PROCEDURE, AGGREGATE, TYPE, SEQUENCE and the like, unless the transaction makes it again"},
	{"drop_cascade", Warning, "DROP … CASCADE, which drops what nobody has named"},
	{"drop_foreign_key", Notice, "DROP CONSTRAINT of a foreign key, which locks both tables"},
	{"rename", Error, "RENAME of a column, table, view or schema; SET SCHEMA"},
	{"enum_add_value", Notice, "ALTER TYPE … ADD VALUE: it cannot be taken back"},
	{"enum_value_in_transaction", Warning, "a new value of an enum that the same transaction mentions"},
	{"enum_rename_value", Error, "ALTER TYPE … RENAME VALUE"},
	{"prefer_text_to_enum", Notice, "CREATE TYPE … AS ENUM"},
	{"cluster", Error, "CLUSTER"},
	{"vacuum_full", Error, "VACUUM FULL"},
	{"refresh_materialized_view", Error, "REFRESH MATERIALIZED VIEW without CONCURRENTLY"},
	{"truncate", Error, "TRUNCATE"},
	{"change_all_rows", Error, "UPDATE or DELETE without WHERE"},
	{"change_rows", Warning, "UPDATE, DELETE or MERGE of rows that were there before"},
	{"create_trigger", Notice, "CREATE TRIGGER"},
	{"disable_trigger", Warning, "DISABLE TRIGGER"},
	{"enable_row_security", Warning, "ENABLE ROW LEVEL SECURITY"},
	{"alter_domain", Error, "ALTER DOMAIN ADD CONSTRAINT, SET NOT NULL, VALIDATE: every table with a column of it is read"},
	{"lock_table", Error, "LOCK TABLE in a mode that blocks writes"},
	{"move_table", Error, "SET TABLESPACE, SET LOGGED, SET UNLOGGED, SET ACCESS METHOD"},
	{"set_storage", Notice, "SET STORAGE, SET COMPRESSION: old rows stay as they are"},
	{"attach_partition", Warning, "ATTACH PARTITION"},
	{"detach_partition", Warning, "DETACH PARTITION without CONCURRENTLY"},
	{"add_partition", Notice, "CREATE TABLE … PARTITION OF a table that is in use"},
	{"several_locks", Warning, "two tables locked against reads in one transaction"},
	{"work_under_lock", Error, "a rewrite, scan, index build or change of rows while an earlier statement's lock is held"},
	{"change_rows_under_lock", Warning, "the same, of rows that a WHERE picks"},
	{"identifier_too_long", Warning, "a name of more than 63 bytes"},
	{"prefer_text", Notice, "char(n)"},
	{"prefer_identity", Notice, "serial"},
	{"prefer_timestamptz", Notice, "timestamp without time zone"},
	{"prefer_jsonb", Notice, "json"},
	{"prefer_bigint_key", Notice, "a primary key of 32 bits or less"},
	{"unknown", Warning, "a statement whose effect is not known: DO, CALL, calls of functions"},
	{"allow_without_reason", Error, "tenantry:allow without a reason"},
	{"allow_unknown_rule", Error, "tenantry:allow of a rule that there is not"},
	{"allow_unused", Notice, "tenantry:allow of a rule that the statement does not break"},
}

// own are the rules about suppressions, which cannot be suppressed.
var own = map[string]bool{"allow_without_reason": true, "allow_unknown_rule": true, "allow_unused": true}

// severities by rule.
var severities = func() map[string]Severity {
	byID := map[string]Severity{}
	for _, rule := range rules {
		byID[rule.ID] = rule.Severity
	}
	return byID
}()

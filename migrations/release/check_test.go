package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

func TestChecks(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.sql", `
-- tenantry:check every customer has an address: two or more are fine: SELECT NOT EXISTS (SELECT FROM customers WHERE email IS NULL);
-- tenantry:allow x: SELECT 1
-- tenantry:check select true
-- tenantry:check with: WITH a AS (SELECT 1) SELECT count(*) = 1 FROM a
ALTER TABLE customers ALTER email SET NOT NULL;
SELECT 1;
`)
	require.Equal(t, []release.Check{
		{Says: "every customer has an address: two or more are fine", SQL: "SELECT NOT EXISTS (SELECT FROM customers WHERE email IS NULL)", Line: 2},
		{Says: "select true", SQL: "select true", Line: 4},
		{Says: "with", SQL: "WITH a AS (SELECT 1) SELECT count(*) = 1 FROM a", Line: 5},
	}, rel.Files[0].Statements[0].Checks())
	require.Empty(t, rel.Files[0].Statements[1].Checks())
}

func TestChecksThatAreRefused(t *testing.T) {
	t.Parallel()
	const fix = "; write -- tenantry:check WORDS: SELECT …, one query that gives true or false, on one line"
	for check, reason := range map[string]string{
		"":                    "is not one query",
		"no query here":       `cannot be read: syntax error at or near "no"`,
		"a: SELEC 1":          `cannot be read: syntax error at or near "a"`,
		"a: SELECT 1; SELECT": "is not one query",
		"a: SELECT FROM x":    "gives more or less than one column",
		"a: SELECT 1, 2":      "gives more or less than one column",
		"a: WITH d AS (DELETE FROM x RETURNING 1) SELECT count(*) = 0 FROM d": "changes rows",
		"a: SELECT true FROM x FOR UPDATE":                                    "locks rows",
		"a: SELECT true INTO y":                                               "makes a table",
		"a: SELECT count(*) = 0 FROM _tenantry.meta":                          "mentions the schema _tenantry, which keeps this database's history",
		"a: WITH x AS (SELECT 1) INSERT INTO y SELECT 1":                      "is no SELECT",
	} {
		require.Equal(t, []string{"1_a.sql:2: tenantry:check " + reason + fix}, refusals(t, "1_a.sql", "\n-- tenantry:check "+check+"\nSELECT 1;"), check)
	}
}

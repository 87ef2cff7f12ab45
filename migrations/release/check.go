package release

import (
	"regexp"
	"strings"
)

// Check is a question that a release asks of every database that lacks the statement it stands before, ahead of a rollout:
//
//	-- tenantry:check every customer has an e-mail address: SELECT NOT EXISTS (SELECT FROM customers WHERE email IS NULL)
//
// The query is asked of the database as it is before the release, read-only, and must give one row whose only column is true.
type Check struct {
	// Says is what must be true, in words; the query itself where no words stand before it.
	Says string
	// SQL is one SELECT, without a semicolon.
	SQL string
	// Line of the file, from 1.
	Line int
}

// Checks lists what is asked before the statement is applied.
func (s Statement) Checks() []Check {
	var list []Check
	for _, d := range s.Directives {
		if d.Name == DirectiveCheck {
			list = append(list, checkOf(d))
		}
	}
	return list
}

// behindWords finds the query behind the words and a colon.
var behindWords = regexp.MustCompile(`(?i):[ \t]*((?:SELECT|WITH|VALUES)\b[^:].*)$`)

func checkOf(d Directive) Check {
	c := Check{SQL: d.Argument, Line: d.Line}
	if at := behindWords.FindStringSubmatchIndex(d.Argument); at != nil {
		c.Says, c.SQL = strings.TrimSpace(d.Argument[:at[0]]), d.Argument[at[2]:]
	}
	c.SQL = strings.TrimRight(c.SQL, blanks+";")
	if c.Says == "" {
		c.Says = c.SQL
	}
	return c
}

const checkFix = "write -- tenantry:check WORDS: SELECT …, one query that gives true or false, on one line"

// judgeChecks refuses checks that could not be asked, or that would do something.
func (d draft) judgeChecks(p parsed, found *problems) {
	for _, c := range (Statement{Directives: p.directives}).Checks() {
		if reason := c.fault(); reason != "" {
			found.add(d.name, c.Line, "tenantry:check "+reason, checkFix)
		}
	}
}

// writing are the parts of a query that change or hold rows.
var writing = map[string]string{
	"InsertStmt": "changes rows", "UpdateStmt": "changes rows", "DeleteStmt": "changes rows", "MergeStmt": "changes rows",
	"LockingClause": "locks rows", "lockingClause": "locks rows", "intoClause": "makes a table",
}

// fault says what is wrong with a check, "" when nothing is.
func (c Check) fault() string {
	pieces, refused := split(c.SQL)
	switch {
	case refused != nil:
		return "cannot be read: " + refused.message
	case len(pieces) != 1:
		return "is not one query"
	case pieces[0].depth > maxDepth:
		return "is nested too deeply"
	}
	node, root, refused := inspect(c.SQL)
	switch {
	case refused != nil:
		return "cannot be read: " + refused.message
	case node != "SelectStmt":
		return "is no SELECT"
	}
	reason := ""
	walk(node, map[string]any(root), func(name string, value any) {
		if _, isNode := value.(map[string]any); isNode && writing[name] != "" {
			reason = writing[name]
		}
		if text, ok := value.(string); ok && ownSchema.MatchString(text) {
			reason = "mentions the schema _tenantry, which keeps this database's history"
		}
	})
	if targets := root.list("targetList"); reason == "" && len(root.list("valuesLists")) == 0 && root.text("op") == "SETOP_NONE" && len(targets) != 1 {
		return "gives more or less than one column"
	}
	return reason
}

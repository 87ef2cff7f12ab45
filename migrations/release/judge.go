package release

import (
	"regexp"
	"strings"
)

// objection is why a statement is refused and what to do instead.
type objection struct {
	reason, fix string
}

// judge returns why a statement cannot be in a tenant's migration, nil when it can.
func (d draft) judge(p parsed) *objection {
	if o := refusedNode(p.node); o != nil {
		return o
	}
	for _, rule := range rules {
		if o := rule(p); o != nil {
			return o
		}
	}
	if o := d.judgeToolTable(p); o != nil {
		return o
	}
	if d.mode == statementwise {
		return judgeStatementwise(p)
	}
	if p.class.alone != nil {
		return &objection{p.class.words + " cannot run inside a transaction, and this file runs in one", d.outside}
	}
	return nil
}

const (
	databaseFix = "do it outside of migrations: a database's name differs from tenant to tenant"
	serverFix   = "do it outside of migrations: it concerns every tenant of the server"
	sessionFix  = "delete it: sessions, roles and settings are kept in order while a release is applied"
)

// refusedNodes are statements that no migration may hold.
var refusedNodes = map[string]objection{
	"TransactionStmt": {
		"transaction control: files are committed together with the record that they were applied",
		"delete it; statements that must commit apart go into separate files",
	},
	"CreatedbStmt":                 {"CREATE DATABASE is not a change inside the tenant's database", databaseFix},
	"DropdbStmt":                   {"DROP DATABASE is not a change inside the tenant's database", databaseFix},
	"AlterDatabaseStmt":            {"ALTER DATABASE is not a change inside the tenant's database", databaseFix},
	"AlterDatabaseSetStmt":         {"ALTER DATABASE is not a change inside the tenant's database", databaseFix},
	"AlterDatabaseRefreshCollStmt": {"ALTER DATABASE is not a change inside the tenant's database", databaseFix},
	"CreateRoleStmt":               {"roles belong to the server, not to one database", serverFix},
	"AlterRoleStmt":                {"roles belong to the server, not to one database", serverFix},
	"AlterRoleSetStmt":             {"roles belong to the server, not to one database", serverFix},
	"DropRoleStmt":                 {"roles belong to the server, not to one database", serverFix},
	"GrantRoleStmt":                {"membership in roles belongs to the server, not to one database", serverFix},
	"CreateTableSpaceStmt":         {"tablespaces belong to the server, not to one database", serverFix},
	"DropTableSpaceStmt":           {"tablespaces belong to the server, not to one database", serverFix},
	"AlterTableSpaceOptionsStmt":   {"tablespaces belong to the server, not to one database", serverFix},
	"AlterSystemStmt":              {"ALTER SYSTEM changes the whole server", serverFix},
	"CreateSubscriptionStmt":       {"a subscription holds a connection string with its password", serverFix},
	"AlterSubscriptionStmt":        {"a subscription holds a connection string with its password", serverFix},
	"DropSubscriptionStmt":         {"a subscription is not a change inside the tenant's database alone", serverFix},
	"DropOwnedStmt":                {"DROP OWNED would drop the history of the database too", "drop the objects by name"},
	"ReassignOwnedStmt":            {"REASSIGN OWNED would give the history of the database away", "ALTER … OWNER TO by name"},
	"DiscardStmt":                  {"DISCARD would throw the session's locks and settings away", sessionFix},
}

func refusedNode(node string) *objection {
	if o, refused := refusedNodes[node]; refused {
		return &o
	}
	return nil
}

// rules look closer at single kinds of statements.
var rules = []func(parsed) *objection{judgeCopy, judgeSetting, judgeIndex, judgeFunctions, judgeOwnSchema}

func judgeCopy(p parsed) *objection {
	if p.node != "CopyStmt" {
		return nil
	}
	switch {
	case p.tree.flag("is_program"):
		return &objection{"COPY … PROGRAM runs a program on the database's server", "write INSERT"}
	case p.tree.text("filename") != "":
		return &objection{"COPY reads or writes a file of the database's server", "write INSERT"}
	default:
		return &objection{"COPY needs data that a migration does not carry", "write INSERT"}
	}
}

// judgeSetting refuses to change who the session is, and settings that would undo the lock policy.
func judgeSetting(p parsed) *objection {
	if p.node != "VariableSetStmt" {
		return nil
	}
	switch {
	case p.tree.text("kind") == "VAR_RESET_ALL":
		return &objection{"RESET ALL would switch the lock and statement timeouts off", sessionFix}
	case identityWords[p.tree.text("name")] != "":
		return &objection{identityWords[p.tree.text("name")] + ": everything is applied as the database's owner", sessionFix}
	case p.tree.text("name") == "TRANSACTION" || p.tree.text("name") == "SESSION CHARACTERISTICS":
		return &objection{"the transaction is begun before the file's first statement: its mode cannot be set any more", sessionFix}
	}
	return nil
}

// identityWords are the settings that change whose rights a session has.
var identityWords = map[string]string{"role": "SET ROLE", "session_authorization": "SET SESSION AUTHORIZATION"}

// judgeIndex refuses what could not be repaired after a crash.
func judgeIndex(p parsed) *objection {
	if p.class.alone == nil {
		return nil
	}
	switch {
	case p.class.alone.Repair == RepairCreateIndex && p.class.alone.Index == "":
		return &objection{"an index that is built CONCURRENTLY needs a name: an interrupted build is found by it", "name the index"}
	case p.class.alone.Repair == RepairDropIndex && len(p.tree.list("objects")) > 1:
		return &objection{"DROP INDEX CONCURRENTLY takes one index at a time", "write one statement for each"}
	case p.class.kind == "ReindexStmt DATABASE" || p.class.kind == "ReindexStmt SYSTEM":
		return judgeReindexName(p)
	}
	return nil
}

func judgeReindexName(p parsed) *objection {
	if p.tree.text("name") == "" {
		return nil
	}
	return &objection{"names a database", "leave the name out: it differs from tenant to tenant"}
}

// judgeFunctions refuses calls that do what the rules above refuse.
func judgeFunctions(p parsed) *objection {
	var found *objection
	walk(p.node, map[string]any(p.tree), func(name string, value any) {
		node, ok := value.(map[string]any)
		if !ok || name != "FuncCall" {
			return
		}
		_, function := lastTwo(tree(node).names("funcname"))
		switch function {
		case "set_config":
			if arg := firstText(node); identityWords[strings.ToLower(arg)] != "" {
				found = &objection{identityWords[strings.ToLower(arg)] + ": everything is applied as the database's owner", sessionFix}
			}
		case "pg_advisory_unlock_all":
			found = &objection{"pg_advisory_unlock_all would release the lock that keeps other migrations out", "unlock your own keys"}
		}
	})
	return found
}

// firstText returns a call's first argument when it is a text constant.
func firstText(call tree) string {
	args := call.list("args")
	if len(args) == 0 {
		return ""
	}
	return args[0].at("A_Const").at("sval").text("sval")
}

// ownSchema finds the schema of the history, not a longer name that contains it.
var ownSchema = regexp.MustCompile(`(?i)(^|[^\pL\pN_$])_tenantry($|[^\pL\pN_$])`)

// judgeOwnSchema refuses every mention of the history's schema: as a name, in a text constant, in a function's body.
func judgeOwnSchema(p parsed) *objection {
	var found *objection
	walk(p.node, map[string]any(p.tree), func(_ string, value any) {
		if text, ok := value.(string); ok && ownSchema.MatchString(text) {
			found = &objection{"mentions the schema _tenantry, which keeps this database's history", "leave that schema alone, also in function bodies and texts"}
		}
	})
	return found
}

// judgeToolTable refuses to read or write the table in which the format's tool keeps its history. A tenant's database
// has none.
func (d draft) judgeToolTable(p parsed) *objection {
	if d.toolTable == "" {
		return nil
	}
	var found *objection
	walk(p.node, map[string]any(p.tree), func(_ string, value any) {
		if node, ok := value.(map[string]any); ok && tree(node).text("relname") == d.toolTable {
			found = &objection{"mentions " + d.toolTable + ", the history that the tool keeps: a tenant's database has another one", "delete the statement"}
		}
	})
	return found
}

// judgeStatementwise refuses what would be forgotten when the file is resumed on another connection.
func judgeStatementwise(p parsed) *objection {
	const fix = "name the schema in each statement, or put the statements that need it into a file that runs in a transaction"
	if p.node == "VariableSetStmt" {
		if ownSettings[p.tree.text("name")] {
			return nil
		}
		return &objection{"a setting is lost when a file without a transaction is resumed after a crash", fix}
	}
	var found *objection
	walk(p.node, map[string]any(p.tree), func(name string, value any) {
		node, ok := value.(map[string]any)
		if !ok {
			return
		}
		if _, function := lastTwo(tree(node).names("funcname")); name == "FuncCall" && function == "set_config" {
			found = &objection{"a setting is lost when a file without a transaction is resumed after a crash", fix}
		}
		if tree(node).text("relpersistence") == "t" {
			found = &objection{"a temporary table is lost when a file without a transaction is resumed after a crash", "use a file that runs in a transaction"}
		}
	})
	return found
}

// ownSettings are set anew for every statement while a release is applied. Setting them changes nothing, so it is let
// be: files that build indexes CONCURRENTLY often switch the lock timeout off, as applying does too.
var ownSettings = map[string]bool{
	"lock_timeout": true, "statement_timeout": true, "idle_in_transaction_session_timeout": true, "client_connection_check_interval": true,
}

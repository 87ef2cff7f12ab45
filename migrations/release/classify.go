package release

import "strings"

// class is what the parse tree says of how a statement can run.
type class struct {
	// kind is stored with the statement; words is the statement as people write it, for messages.
	kind  string
	words string
	// alone is set when PostgreSQL refuses the statement inside a transaction.
	alone *Alone
	// commits is set for code that may commit by itself when it is not inside a transaction.
	commits bool
}

// aloneIn returns how the statement runs in a file of this mode, nil when it shares a transaction with its record.
func (c class) aloneIn(m mode) *Alone {
	if m == statementwise && c.commits {
		return &Alone{Repair: RepairAsk}
	}
	return c.alone
}

func classify(node string, t tree) class {
	switch node {
	case "IndexStmt":
		return classifyIndex(t)
	case "DropStmt":
		return classifyDrop(t)
	case "ReindexStmt":
		return classifyReindex(t)
	case "VacuumStmt":
		return classifyVacuum(t)
	case "ClusterStmt":
		if len(t.at("relation")) == 0 {
			return class{kind: "ClusterStmt ALL", words: "CLUSTER without a table", alone: &Alone{Repair: RepairRerun}}
		}
	case "AlterTableStmt":
		return classifyAlterTable(t)
	case "DoStmt":
		return class{kind: node, words: "DO", commits: true}
	case "CallStmt":
		return class{kind: node, words: "CALL", commits: true}
	}
	return class{kind: node, words: node}
}

func classifyIndex(t tree) class {
	if !t.flag("concurrent") {
		return class{kind: "IndexStmt", words: "CREATE INDEX"}
	}
	table := t.at("relation")
	return class{
		kind:  "IndexStmt CONCURRENTLY",
		words: "CREATE INDEX CONCURRENTLY",
		alone: &Alone{
			Repair:  RepairCreateIndex,
			Patient: true,
			Schema:  table.text("schemaname"),
			Table:   table.text("relname"),
			Index:   t.text("idxname"),
		},
	}
}

func classifyDrop(t tree) class {
	object := strings.ReplaceAll(strings.TrimPrefix(t.text("removeType"), "OBJECT_"), "_", " ")
	if !t.flag("concurrent") {
		return class{kind: "DropStmt " + object, words: "DROP " + object}
	}
	alone := &Alone{Repair: RepairDropIndex, Patient: true}
	if objects := t.list("objects"); len(objects) > 0 {
		alone.Schema, alone.Index = lastTwo(objects[0].at("List").names("items"))
	}
	return class{kind: "DropStmt INDEX CONCURRENTLY", words: "DROP INDEX CONCURRENTLY", alone: alone}
}

// lastTwo returns schema and name of a qualified name that may lack the schema or begin with the database.
func lastTwo(parts []string) (schema, name string) {
	switch len(parts) {
	case 0:
		return "", ""
	case 1:
		return "", parts[0]
	default:
		return parts[len(parts)-2], parts[len(parts)-1]
	}
}

func classifyReindex(t tree) class {
	object := strings.TrimPrefix(t.text("kind"), "REINDEX_OBJECT_")
	one := object == "INDEX" || object == "TABLE"
	if !t.option("params", "concurrently") {
		c := class{kind: "ReindexStmt " + object, words: "REINDEX " + object}
		if !one {
			c.alone = &Alone{Repair: RepairRerun}
		}
		return c
	}
	relation := t.at("relation")
	alone := &Alone{Repair: RepairReindex, Patient: true, Schema: relation.text("schemaname")}
	switch object {
	case "INDEX":
		alone.Index = relation.text("relname")
	case "TABLE":
		alone.Table = relation.text("relname")
	case "SCHEMA":
		alone.Schema = t.text("name")
	}
	return class{kind: "ReindexStmt " + object + " CONCURRENTLY", words: "REINDEX " + object + " CONCURRENTLY", alone: alone}
}

func classifyVacuum(t tree) class {
	switch {
	case !t.flag("is_vacuumcmd"):
		return class{kind: "VacuumStmt ANALYZE", words: "ANALYZE"}
	case t.option("options", "full"):
		return class{kind: "VacuumStmt FULL", words: "VACUUM FULL", alone: &Alone{Repair: RepairRerun}}
	default:
		return class{kind: "VacuumStmt", words: "VACUUM", alone: &Alone{Repair: RepairRerun, Patient: true}}
	}
}

func classifyAlterTable(t tree) class {
	for _, item := range t.list("cmds") {
		command := item.at("AlterTableCmd")
		partition := command.at("def").at("PartitionCmd")
		if command.text("subtype") == "AT_DetachPartition" && partition.flag("concurrent") {
			return class{
				kind:  "AlterTableStmt DETACH CONCURRENTLY",
				words: "DETACH PARTITION CONCURRENTLY",
				alone: &Alone{Repair: RepairAsk, Patient: true},
			}
		}
	}
	return class{kind: "AlterTableStmt", words: "ALTER TABLE"}
}

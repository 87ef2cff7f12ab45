package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// alterTable judges ALTER TABLE, and what PostgreSQL treats like it: ALTER INDEX, VIEW, SEQUENCE, MATERIALIZED VIEW and TYPE.
func (v *visit) alterTable(t tree) {
	n := nameOf(t.at("relation"))
	commands := dropsFirst(t.list("cmds"))
	switch t.text("objtype") {
	case "OBJECT_TYPE":
		return
	case "OBJECT_INDEX":
		v.alterIndex(n, commands)
		return
	}
	a := alteration{visit: v, table: v.schema.relation(n), only: !t.at("relation").flag("inh")}
	for _, item := range commands {
		a.command(item.at("AlterTableCmd"))
	}
}

// dropsFirst puts the commands in PostgreSQL's order, as far as it matters here: what one ALTER TABLE drops proves nothing
// to its other commands.
func dropsFirst(commands []tree) []tree {
	drops := func(item tree) int {
		switch item.at("AlterTableCmd").text("subtype") {
		case "AT_DropColumn", "AT_DropConstraint":
			return 0
		default:
			return 1
		}
	}
	slices.SortStableFunc(commands, func(a, b tree) int { return cmp.Compare(drops(a), drops(b)) })
	return commands
}

// alteration is one ALTER TABLE being judged.
type alteration struct {
	*visit

	table *relation
	// only: the tables below are left alone.
	only bool
}

// take locks the table, and those below it unless the statement leaves them alone.
func (a *alteration) take(mode LockMode) {
	if a.only {
		a.lock(a.table, mode)
		return
	}
	a.lockFamily(a.table, mode)
}

// command judges one command of an ALTER TABLE.
func (a *alteration) command(c tree) {
	subtype := c.text("subtype")
	if judge := alterations[subtype]; judge != nil {
		judge(a, c)
		return
	}
	switch {
	case lighter[subtype]:
		a.take(ShareUpdateExclusive)
	case brief[subtype]:
		a.take(AccessExclusive)
	default:
		a.take(AccessExclusive)
		a.unknown(subtype + " is a change that the linter does not know")
	}
}

// lighter changes only keep other schema changes and VACUUM out; brief ones lock everybody out, for a change in the catalog.
var (
	lighter = words(`AT_SetStatistics AT_SetOptions AT_ResetOptions AT_ClusterOn AT_DropCluster AT_DetachPartitionFinalize`)
	brief   = words(`AT_ColumnDefault AT_CookedColumnDefault AT_DropExpression AT_ReplicaIdentity AT_ChangeOwner AT_AddOf AT_DropOf AT_SetIdentity
		AT_DisableRowSecurity AT_ForceRowSecurity AT_NoForceRowSecurity AT_AlterConstraint AT_DropInherit AT_EnableRule
		AT_EnableAlwaysRule AT_EnableReplicaRule AT_DisableRule`)
)

var alterations = map[string]func(*alteration, tree){
	"AT_AddColumn":          (*alteration).addColumn,
	"AT_DropColumn":         (*alteration).dropColumn,
	"AT_AlterColumnType":    (*alteration).changeType,
	"AT_SetNotNull":         (*alteration).setNotNull,
	"AT_DropNotNull":        (*alteration).dropNotNull,
	"AT_AddIdentity":        (*alteration).addIdentity,
	"AT_DropIdentity":       (*alteration).dropIdentity,
	"AT_SetExpression":      (*alteration).setExpression,
	"AT_SetStorage":         (*alteration).setStorage,
	"AT_SetCompression":     (*alteration).setStorage,
	"AT_AddConstraint":      (*alteration).addConstraint,
	"AT_ValidateConstraint": (*alteration).validate,
	"AT_DropConstraint":     (*alteration).dropConstraint,
	"AT_SetRelOptions":      (*alteration).setOptions,
	"AT_ResetRelOptions":    (*alteration).setOptions,
	"AT_SetTableSpace":      (*alteration).move,
	"AT_SetLogged":          (*alteration).move,
	"AT_SetUnLogged":        (*alteration).move,
	"AT_SetAccessMethod":    (*alteration).move,
	"AT_EnableRowSecurity":  (*alteration).enableRowSecurity,
	"AT_AddInherit":         (*alteration).addInherit,
	"AT_AttachPartition":    (*alteration).attach,
	"AT_DetachPartition":    (*alteration).detach,
	"AT_EnableTrig":         (*alteration).switchTrigger,
	"AT_EnableAlwaysTrig":   (*alteration).switchTrigger,
	"AT_EnableReplicaTrig":  (*alteration).switchTrigger,
	"AT_EnableTrigAll":      (*alteration).switchTrigger,
	"AT_EnableTrigUser":     (*alteration).switchTrigger,
	"AT_DisableTrig":        (*alteration).switchTrigger,
	"AT_DisableTrigAll":     (*alteration).switchTrigger,
	"AT_DisableTrigUser":    (*alteration).switchTrigger,
}

// lightOptions are the storage parameters that may change while the table is written to.
var lightOptions = words(`fillfactor toast_tuple_target parallel_workers vacuum_index_cleanup vacuum_truncate log_autovacuum_min_duration
	n_distinct n_distinct_inherited pages_per_range autosummarize fastupdate gin_pending_list_limit buffering deduplicate_items`)

func (a *alteration) setOptions(c tree) {
	mode := ShareUpdateExclusive
	for _, item := range c.at("def", "List").list("items") {
		option := item.at("DefElem").text("defname")
		if !lightOptions[option] && !strings.HasPrefix(option, "autovacuum_") {
			mode = AccessExclusive
		}
	}
	a.take(mode)
}

func (a *alteration) move(c tree) {
	a.take(AccessExclusive)
	a.does(a.table, Rewrites)
	what := map[string]string{
		"AT_SetTableSpace": "SET TABLESPACE copies", "AT_SetLogged": "SET LOGGED rewrites", "AT_SetUnLogged": "SET UNLOGGED rewrites",
		"AT_SetAccessMethod": "SET ACCESS METHOD rewrites",
	}[c.text("subtype")]
	a.find(a.table, "move_table", fmt.Sprintf("%s %s under %s", what, a.table.name, about(a.table, AccessExclusive)),
		"make a new table with the property, copy rows in batches, and swap; or do it in a maintenance window")
}

func (a *alteration) enableRowSecurity(tree) {
	a.take(AccessExclusive)
	a.find(a.table, "enable_row_security",
		fmt.Sprintf("from then on roles that do not own %s see only rows that a policy lets them see, and none without a policy", a.table.name),
		fmt.Sprintf("CREATE POLICY … ON %s … first, in the same transaction", a.table.name))
}

func (a *alteration) addInherit(c tree) {
	a.take(AccessExclusive)
	parent := a.schema.relation(nameOf(c.at("def", "RangeVar")))
	if c.has("def") && len(c.at("def", "RangeVar")) == 0 {
		parent = a.schema.relation(nameOf(c.at("def")))
	}
	a.lock(parent, ShareUpdateExclusive)
	a.table.parent = parent
}

func (a *alteration) switchTrigger(c tree) {
	a.take(ShareRowExclusive)
	if !strings.HasPrefix(c.text("subtype"), "AT_Disable") {
		return
	}
	a.find(a.table, "disable_trigger",
		fmt.Sprintf("for as long as it is disabled, what the code writes to %s goes past the trigger, and stays so", a.table.name),
		"DROP TRIGGER when it is not wanted any more; for a backfill, let the trigger's function tell it apart (a setting, current_user)")
}

func (a *alteration) attach(c tree) {
	partition := c.at("def", "PartitionCmd")
	child := a.schema.relation(nameOf(partition.at("name")))
	a.lock(a.table, ShareUpdateExclusive)
	a.lockFamily(child, AccessExclusive)
	if other := a.defaultPartition(a.table, child); other != nil {
		a.lock(other, AccessExclusive)
		a.does(other, Scans)
	}
	rest := partition.at("bound").flag("is_default")
	if !rest && !proves(child, a.table.keys) {
		a.does(child, Scans)
		a.find(child, "attach_partition",
			fmt.Sprintf("%s is read whole, to see that its rows belong there, under %s", child.name, about(child, AccessExclusive)),
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (the partition's bounds, and %s IS NOT NULL) NOT VALID; in a file of its own VALIDATE it; attach; drop it",
				child.name, ident(made(child.name.name, "bounds")), idents(a.table.keys)))
	}
	child.parent, child.takesRest = a.table, rest
}

// proves reports whether a validated constraint speaks of all columns of the partition key: PostgreSQL then mostly need not look.
func proves(r *relation, keys []string) bool {
	for _, c := range r.checks {
		if c.validated && len(keys) > 0 && !slices.ContainsFunc(keys, func(of string) bool { return !c.columns[of] }) {
			return true
		}
	}
	return false
}

func (a *alteration) detach(c tree) {
	partition := c.at("def", "PartitionCmd")
	child := a.schema.relation(nameOf(partition.at("name")))
	child.parent = nil
	if partition.flag("concurrent") {
		a.lock(a.table, ShareUpdateExclusive)
		a.lock(child, AccessExclusive)
		return
	}
	a.lock(a.table, AccessExclusive)
	a.lock(child, AccessExclusive)
	if other := a.defaultPartition(a.table, child); other != nil {
		a.lock(other, AccessExclusive)
	}
	a.find(a.table, "detach_partition", about(a.table, AccessExclusive)+" for a moment",
		fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY, in a file without a transaction", a.table.name, child.name))
}

package lint

// handler returns what judges a statement, by the root of its parse tree; nil for one that the linter does not know.
func handler(node string) func(*visit, tree) {
	for _, handlers := range []map[string]func(*visit, tree){creating, altering, dropping, maintaining, changingRows} {
		if handle := handlers[node]; handle != nil {
			return handle
		}
	}
	if harmless[node] {
		return func(*visit, tree) {}
	}
	return nil
}

// harmless statements lock no relation that the running code waits for, and look at no rows.
var harmless = words(`CreateSchemaStmt CreateExtensionStmt CreateRangeStmt DefineStmt CreateCastStmt CreateConversionStmt
	CreateOpClassStmt CreateOpFamilyStmt AlterOpFamilyStmt CreateTransformStmt CreateAmStmt CreatePLangStmt AlterFunctionStmt GrantStmt
	AlterDefaultPrivilegesStmt AlterOwnerStmt AlterCollationStmt AlterTypeStmt AlterTSDictionaryStmt AlterTSConfigurationStmt
	AlterExtensionStmt AlterOperatorStmt AlterStatsStmt AlterEventTrigStmt CreateEventTrigStmt CreateFdwStmt CreateForeignServerStmt
	CreateUserMappingStmt VariableShowStmt NotifyStmt ListenStmt UnlistenStmt CheckPointStmt ConstraintsSetStmt SecLabelStmt
	AlterObjectDependsStmt`)

var creating = map[string]func(*visit, tree){
	"CompositeTypeStmt":     func(v *visit, t tree) { v.schema.make("type", nameOf(t.at("typevar")), v.fresh) },
	"CreateDomainStmt":      (*visit).createDomain,
	"CreateEnumStmt":        (*visit).createEnum,
	"CreateFunctionStmt":    (*visit).createFunction,
	"CreatePolicyStmt":      (*visit).changePolicy,
	"CreateSeqStmt":         func(v *visit, t tree) { v.schema.add(nameOf(t.at("sequence")), aSequence, v.fresh) },
	"CreateStatsStmt":       (*visit).createStatistics,
	"CreateStmt":            (*visit).createTable,
	"CreateTableAsStmt":     (*visit).createTableAs,
	"CreateTrigStmt":        (*visit).createTrigger,
	"IndexStmt":             (*visit).createIndex,
	"RuleStmt":              func(v *visit, t tree) { v.lock(v.schema.relation(nameOf(t.at("relation"))), AccessExclusive) },
	"ViewStmt":              (*visit).createView,
	"CreatePublicationStmt": (*visit).createPublication,
}

var altering = map[string]func(*visit, tree){
	"AlterDomainStmt":       (*visit).alterDomain,
	"AlterEnumStmt":         (*visit).alterEnum,
	"AlterObjectSchemaStmt": (*visit).setSchema,
	"AlterPolicyStmt":       (*visit).changePolicy,
	"AlterSeqStmt":          (*visit).alterSequence,
	"AlterTableStmt":        (*visit).alterTable,
	"CommentStmt":           (*visit).comment,
	"RenameStmt":            (*visit).rename,
	"VariableSetStmt":       (*visit).set,
}

var dropping = map[string]func(*visit, tree){
	"DropStmt":     (*visit).drop,
	"TruncateStmt": (*visit).truncate,
}

var maintaining = map[string]func(*visit, tree){
	"CallStmt":           func(v *visit, _ tree) { v.unknown("CALL runs code that the linter does not see") },
	"ClusterStmt":        (*visit).cluster,
	"DoStmt":             (*visit).do,
	"LockStmt":           (*visit).lockTable,
	"RefreshMatViewStmt": (*visit).refresh,
	"ReindexStmt":        (*visit).reindex,
	"VacuumStmt":         (*visit).vacuum,
}

var changingRows = map[string]func(*visit, tree){
	"DeleteStmt": func(v *visit, t tree) { v.queryOf("DeleteStmt", t) },
	"InsertStmt": func(v *visit, t tree) { v.queryOf("InsertStmt", t) },
	"MergeStmt":  func(v *visit, t tree) { v.queryOf("MergeStmt", t) },
	"SelectStmt": func(v *visit, t tree) { v.queryOf("SelectStmt", t) },
	"UpdateStmt": func(v *visit, t tree) { v.queryOf("UpdateStmt", t) },
}

const tryIt = "write plain statements; or try it on a copy, look at pg_locks meanwhile, and say so: -- tenantry:allow unknown: …"

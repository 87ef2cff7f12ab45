package release

import "slices"

func (e *effects) createIndex(t tree) {
	relation := t.at("relation")
	table := TableEffects{Owned: true}
	if t.flag("unique") {
		table.Needs = []Need{e.uniqueIndex(t)}
	}
	e.add(relation, table)
}

// uniqueIndex is what a unique index needs. Where a key is compared in its own way, by a collation or an operator class, that is not looked into.
func (e *effects) uniqueIndex(t tree) Need {
	need := Need{Kind: NeedUnique, NullsEqual: t.flag("nulls_not_distinct")}
	opening, closing := e.brackets(locationOf(t.at("relation")))
	params := t.list("indexParams")
	if opening < 0 || t.text("accessMethod") != "btree" {
		return Need{Kind: NeedOther}
	}
	texts := e.items(opening, closing)
	if len(texts) != len(params) {
		return Need{Kind: NeedOther}
	}
	for i, item := range params {
		element := item.at("IndexElem")
		plain := element.text("ordering") == "SORTBY_DEFAULT" && element.text("nulls_ordering") == "SORTBY_NULLS_DEFAULT"
		switch name := element.text("name"); {
		case len(element.list("collation")) > 0 || len(element.list("opclass")) > 0:
			return Need{Kind: NeedOther}
		case name != "":
			need.Columns = append(need.Columns, name)
			need.Expressions = append(need.Expressions, quoteName(name))
		case !plain:
			return Need{Kind: NeedOther}
		default:
			columns, functions := mentioned(element.at("expr"))
			need.Columns = append(need.Columns, columns...)
			need.Functions = append(need.Functions, functions...)
			need.Expressions = append(need.Expressions, texts[i])
		}
	}
	if where := t.at("whereClause"); len(where) > 0 {
		columns, functions := mentioned(where)
		need.Columns = append(need.Columns, columns...)
		need.Functions = append(need.Functions, functions...)
		if need.Where = e.behindWhere(closing); need.Where == "" {
			return Need{Kind: NeedOther}
		}
	}
	need.Columns = once(need.Columns)
	return need
}

// once leaves out what came before.
func once(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		had := seen[s]
		seen[s] = true
		return had
	})
}

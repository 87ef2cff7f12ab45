package lint

// tree is a node of a parse tree in JSON: fields that are false, zero or empty are missing. Reading what is not there gives
// nothing, so that no tree makes the linter panic.
type tree map[string]any

func (t tree) text(field string) string {
	value, _ := t[field].(string)
	return value
}

func (t tree) flag(field string) bool {
	value, _ := t[field].(bool)
	return value
}

func (t tree) number(field string) int {
	value, _ := t[field].(float64)
	return int(value)
}

// at returns the node in the field, empty when there is none.
func (t tree) at(fields ...string) tree {
	for _, field := range fields {
		value, _ := t[field].(map[string]any)
		t = value
	}
	return t
}

// has reports whether the field holds a node.
func (t tree) has(field string) bool {
	_, there := t[field].(map[string]any)
	return there
}

// list returns the nodes in the field.
func (t tree) list(field string) []tree {
	values, _ := t[field].([]any)
	nodes := make([]tree, 0, len(values))
	for _, value := range values {
		if node, ok := value.(map[string]any); ok {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// names returns the strings of a list, such as the parts of a qualified name.
func (t tree) names(field string) []string {
	var parts []string
	for _, item := range t.list(field) {
		if item.has("String") {
			parts = append(parts, item.at("String").text("sval"))
		}
	}
	return parts
}

// option returns an option of a parenthesised list and whether it is there.
func (t tree) option(field, name string) (tree, bool) {
	for _, item := range t.list(field) {
		if element := item.at("DefElem"); element.text("defname") == name {
			return element.at("arg"), true
		}
	}
	return nil, false
}

// isOn reads an option as PostgreSQL does: named alone means on.
func (t tree) isOn(field, name string) bool {
	arg, there := t.option(field, name)
	if !there {
		return false
	}
	if arg.has("Integer") {
		return arg.at("Integer").number("ival") != 0
	}
	switch arg.at("String").text("sval") {
	case "false", "off":
		return false
	default:
		return true
	}
}

// each calls visit for every node below, with the name of its kind.
func each(value any, visit func(kind string, node tree)) {
	switch value := value.(type) {
	case tree:
		each(map[string]any(value), visit)
	case map[string]any:
		for field, below := range value {
			if node, ok := below.(map[string]any); ok {
				visit(field, node)
			}
			each(below, visit)
		}
	case []any:
		for _, below := range value {
			each(below, visit)
		}
	}
}

// columnsIn returns the names of the columns that an expression mentions.
func columnsIn(expression tree) map[string]bool {
	columns := map[string]bool{}
	each(expression, func(kind string, node tree) {
		if kind != "ColumnRef" {
			return
		}
		if names := node.names("fields"); len(names) > 0 {
			columns[names[len(names)-1]] = true
		}
	})
	return columns
}

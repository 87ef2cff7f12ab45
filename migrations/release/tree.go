package release

import "strings"

// tree is a node of the parse tree as the grammar gives it in JSON: fields that are false, zero or empty are missing.
type tree map[string]any

func (t tree) text(field string) string {
	value, _ := t[field].(string)
	return value
}

func (t tree) flag(field string) bool {
	value, _ := t[field].(bool)
	return value
}

// at returns the node in the field, empty when there is none.
func (t tree) at(field string) tree {
	value, _ := t[field].(map[string]any)
	return value
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

// option reports whether a statement's parenthesised option is on: named alone or with a value that is not off.
func (t tree) option(field, name string) bool {
	on := false
	for _, item := range t.list(field) {
		element := item.at("DefElem")
		if element.text("defname") != name {
			continue
		}
		on = isOn(element.at("arg"))
	}
	return on
}

// isOn reads an option's value as PostgreSQL does: none means on.
func isOn(arg tree) bool {
	if number, ok := arg["Integer"].(map[string]any); ok {
		return number["ival"] != nil
	}
	switch strings.ToLower(arg.at("String").text("sval")) {
	case "false", "off":
		return false
	default:
		return true
	}
}

// names returns the parts of a qualified name in a field.
func (t tree) names(field string) []string {
	var parts []string
	for _, item := range t.list(field) {
		parts = append(parts, item.at("String").text("sval"))
	}
	return parts
}

// walk calls visit for every node and every text below a value, with the name of the field or node it stands in.
func walk(name string, value any, visit func(name string, value any)) {
	visit(name, value)
	switch value := value.(type) {
	case map[string]any:
		for field, below := range value {
			walk(field, below, visit)
		}
	case []any:
		for _, below := range value {
			walk(name, below, visit)
		}
	}
}

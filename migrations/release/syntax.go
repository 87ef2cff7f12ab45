package release

import "fmt"

// Parse returns the parse tree of one statement as PostgreSQL's grammar gives it in JSON: the name of its root, such as
// "CreateStmt", and the root's fields; those that are false, zero or empty are missing. It refuses what Read refuses to
// parse. The first call in a process takes seconds.
func Parse(sql string) (node string, root map[string]any, err error) {
	statements, refused := locate(sql)
	switch {
	case refused != nil:
		return "", nil, fmt.Errorf("parse statement: %s", refused.message)
	case len(statements) != 1:
		return "", nil, fmt.Errorf("parse statement: it is %d statements", len(statements))
	case statements[0].depth > maxDepth:
		return "", nil, fmt.Errorf("parse statement: it is nested too deeply")
	}
	node, fields, refused := inspect(sql)
	if refused != nil {
		return "", nil, fmt.Errorf("parse statement: %s", refused.message)
	}
	return node, fields, nil
}

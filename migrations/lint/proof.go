package lint

// proven reports whether a validated constraint, or the column itself, keeps NULL out.
func (r *relation) proven(of string) bool {
	if c := r.columns[of]; c != nil && c.notNull {
		return true
	}
	for _, c := range r.checks {
		if c.validated && c.proves[of] {
			return true
		}
	}
	return false
}

func (r *relation) column(of string) *column {
	c := r.columns[of]
	if c == nil {
		c = &column{}
		r.columns[of] = c
	}
	return c
}

// proofs returns the columns that an expression keeps from being NULL: c IS NOT NULL, also joined by AND.
func proofs(expression tree) map[string]bool {
	list := map[string]bool{}
	switch {
	case expression.at("NullTest").text("nulltesttype") == "IS_NOT_NULL":
		if names := expression.at("NullTest", "arg", "ColumnRef").names("fields"); len(names) > 0 {
			list[names[len(names)-1]] = true
		}
	case expression.at("BoolExpr").text("boolop") == "AND_EXPR":
		for _, part := range expression.at("BoolExpr").list("args") {
			for of := range proofs(part) {
				list[of] = true
			}
		}
	}
	return list
}

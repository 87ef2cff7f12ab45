package ddl

import "fmt"

// digits is how many digits a number may have, before the point and behind it.
type digits struct{ before, behind int }

// PostgreSQL's numeric has room for 131,072 digits before the point and 16,383 behind it, and fails beyond that.
const (
	mostBefore = 100_000
	mostBehind = 16_000
	// divided is how many digits a quotient has behind the point, where its operands have no more.
	divided = 1000
)

// size bounds how many digits a term's value has, whatever the rows are, and refuses one that numeric might have no room for: nobody could
// read the view. Of texts, dates and truth values only what they are made of is looked at.
func (t *term) size(form *Form) (digits, error) {
	var args []digits
	for _, arg := range t.args {
		d, err := arg.size(form)
		if err != nil {
			return d, err
		}
		args = append(args, d)
	}
	d := t.sizeOf(form, args)
	if d.before > mostBefore || d.behind > mostBehind {
		return d, fmt.Errorf("%s could have a value of more digits than PostgreSQL has room for", shown(t.op))
	}
	return d, nil
}

func (t *term) sizeOf(form *Form, args []digits) digits {
	most := digits{}
	for _, a := range args {
		most.before, most.behind = max(most.before, a.before), max(most.behind, a.behind)
	}
	switch t.op {
	case "number":
		return digits{mostDigits, mostDigits}
	case "field":
		if field := form.Field(t.text); field != nil && field.Spec.Scale != nil {
			return digits{field.Spec.Precision - *field.Spec.Scale, *field.Spec.Scale}
		}
		return digits{before: 20}
	case "+", "-", "round", "ceil", "floor":
		most.before++
	case "*":
		return digits{args[0].before + args[1].before, args[0].behind + args[1].behind}
	case "/":
		return digits{args[0].before + args[1].behind + 1, max(divided, most.behind)}
	case "length", "year", "month", "day", "days":
		return digits{before: 20}
	}
	return most
}

package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one problem of one migration file.
type Error struct {
	// File is its name in the folder, or the folder's own path when the problem is not one file's.
	File string
	// Line counts from 1; 0 when the problem is the whole file's.
	Line int
	// Reason says what is wrong.
	Reason string
	// Fix says what to do, "" when the reason says it all.
	Fix string
}

// Error gives "file:line: reason; fix".
func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Fix == "" {
		return where + ": " + e.Reason
	}
	return where + ": " + e.Reason + "; " + e.Fix
}

// Errors are all the problems of a folder, by file and line.
type Errors []*Error

// shownErrors is how many problems the text of an Errors tells one by one.
const shownErrors = 50

// Error gives one problem a line.
func (e Errors) Error() string {
	var text strings.Builder
	for i, problem := range e {
		if i > 0 {
			text.WriteByte('\n')
		}
		if i == shownErrors {
			fmt.Fprintf(&text, "and %d more", len(e)-i)
			break
		}
		text.WriteString(problem.Error())
	}
	return text.String()
}

// Unwrap lets errors.As find the first *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, problem := range e {
		errs[i] = problem
	}
	return errs
}

// problems collects while reading goes on.
type problems struct {
	list Errors
}

func (p *problems) add(file string, line int, reason, fix string) {
	p.list = append(p.list, &Error{File: file, Line: line, Reason: reason, Fix: fix})
}

// err returns what was collected in order of file and line, nil when there is nothing.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b *Error) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return p.list
}

package release

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Directive is a comment that says something to Tenantry about the statement after it, on a line of its own:
//
//	-- tenantry:NAME ARGUMENT
//
// Directives are no part of a statement's SQL, so neither its hash nor its file's checksum covers them: they are free to
// change between two releases, as comments are.
type Directive struct {
	// Name is one of those below.
	Name string `json:"name"`
	// Argument is the rest of the line without blanks around it, "" when there is none. Who reads the directive judges it.
	Argument string `json:"argument,omitempty"`
	// Line of the file on which the directive stands, from 1.
	Line int `json:"line"`
}

const (
	// DirectiveAllow accepts a finding of the linter: "RULE: reason".
	DirectiveAllow = "allow"
	// DirectiveCheck says what must hold in a tenant's database before the statement runs there.
	DirectiveCheck = "check"
)

// directiveNames are the directives that are read; a mistyped one must not pass for a comment.
var directiveNames = []string{DirectiveAllow, DirectiveCheck}

var (
	// directiveComment finds a line comment that is a directive.
	directiveComment = regexp.MustCompile(`^--[ \t]*tenantry:[ \t]*([^ \t]*)[ \t]*(.*?)[ \t\r]*$`)
	// directiveLine finds lines that look like one, wherever they stand.
	directiveLine = regexp.MustCompile(`(?m)^[ \t]*--[ \t]*tenantry:`)
)

// directivesIn reads the directives of body[from:to], which holds nothing but blanks, comments and semicolons.
func (d draft) directivesIn(from, to int, found *problems) []Directive {
	var list []Directive
	for at := from; at < to; {
		rest := d.body[at:to]
		switch {
		case strings.HasPrefix(rest, "/*"):
			at += blockComment(rest)
		case strings.HasPrefix(rest, "--"):
			comment := restOfLine(rest)
			if directive, ok := d.directive(comment, at, found); ok {
				list = append(list, directive)
			}
			at += len(comment)
		default:
			at++
		}
	}
	return list
}

// directive reads one line comment at an offset of the body; false when it is none, or was refused.
func (d draft) directive(comment string, at int, found *problems) (Directive, bool) {
	match := directiveComment.FindStringSubmatch(comment)
	if match == nil {
		return Directive{}, false
	}
	directive := Directive{Name: match[1], Argument: match[2], Line: d.lineAt(at)}
	before := d.body[1+strings.LastIndex(d.body[:at], "\n") : at]
	switch {
	case !slices.Contains(directiveNames, directive.Name):
		found.add(d.name, directive.Line, fmt.Sprintf("there is no directive tenantry:%s", directive.Name),
			"use one of "+strings.Join(directiveNames, ", "))
	case strings.Trim(before, blanks) != "":
		found.add(d.name, directive.Line, "the directive tenantry:"+directive.Name+" stands behind something else",
			"put it on a line of its own, before the statement that it is about")
	default:
		return directive, true
	}
	return Directive{}, false
}

// refuseLostDirectives reports lines that look like directives where none is read: inside of a statement.
func (d draft) refuseLostDirectives(piece piece, found *problems) {
	for _, at := range directiveLine.FindAllStringIndex(d.body[piece.start:piece.end], -1) {
		found.add(d.name, d.lineAt(piece.start+at[1]), "a directive stands inside of a statement",
			"put it before the statement that it is about")
	}
}

// refuseAimless reports directives that no statement follows.
func (d draft) refuseAimless(list []Directive, found *problems) {
	for _, directive := range list {
		found.add(d.name, directive.Line, "no statement follows the directive tenantry:"+directive.Name,
			"put it before the statement that it is about")
	}
}

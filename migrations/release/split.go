package release

import (
	"fmt"
	"regexp"
	"strings"
)

// piece is one statement within a text: text[start:end] begins with its first token and ends before its semicolon.
type piece struct {
	start, end int
	// depth is how deeply its parse tree is nested.
	depth int
}

// fault is what is wrong at an offset of a text.
type fault struct {
	offset int
	objection
}

// split cuts a text into its statements. Between them are only blanks, comments and semicolons.
func split(text string) ([]piece, *parseError) {
	statements, err := locate(text)
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, 0, len(statements))
	for _, statement := range statements {
		end := len(text)
		if statement.length > 0 {
			end = statement.start + statement.length
		}
		pieces = append(pieces, piece{
			start: skipLead(text, statement.start),
			end:   trimRight(text, end),
			depth: statement.depth,
		})
	}
	return pieces, nil
}

// splitAll is split for a file: it goes on after psql meta-commands, so that all of them are told, and refuses
// statements that are too long.
func splitAll(text string) ([]piece, []fault) {
	var faults []fault
	for {
		pieces, err := split(text)
		if err == nil {
			return pieces, append(faults, overLimits(pieces)...)
		}
		at := min(err.offset, len(text))
		if at == len(text) || text[at] != '\\' || !strings.HasPrefix(err.message, "syntax error") {
			return nil, append(faults, syntaxFault(text, at, err.message))
		}
		end := at + len(restOfLine(text[at:]))
		faults = append(faults, metaCommandFault(text[at:end], at))
		text = text[:at] + strings.Repeat(" ", end-at) + text[end:]
	}
}

func metaCommandFault(command string, at int) fault {
	word, _, _ := strings.Cut(strings.TrimRight(command, blanks+";"), " ")
	return fault{at, objection{
		word + " is a command of psql, not SQL: the server does not know it",
		"write what it does as SQL, or delete it",
	}}
}

// copyData finds a COPY whose data follows in the file, as dumps have it.
var copyData = regexp.MustCompile(`(?i)\bCOPY\b[^;]*\bFROM\s+STDIN\b`)

func syntaxFault(text string, at int, message string) fault {
	fix := "correct the statement; the grammar is PostgreSQL 17's"
	switch {
	case copyData.MatchString(text[:at]):
		fix = "COPY … FROM STDIN with its data is not read: write INSERT"
	case strings.Contains(lineAround(text, at), "{{"):
		fix = "{{ … }} belongs to a template: publish a folder of the SQL that it makes"
	}
	return fault{at, objection{message, fix}}
}

// overLimits reports statements that are too long or too deep.
func overLimits(pieces []piece) []fault {
	var faults []fault
	for _, p := range pieces {
		if p.end-p.start > MaxStatementBytes {
			faults = append(faults, fault{p.start, objection{
				fmt.Sprintf("the statement is %d bytes long, %d are allowed", p.end-p.start, MaxStatementBytes),
				"split it; keep data out of migrations",
			}})
		}
		if p.depth > maxDepth {
			faults = append(faults, fault{p.start, objection{"the statement is nested too deeply", "write it in simpler parts"}})
		}
	}
	return faults
}

func lineAround(text string, at int) string {
	return text[1+strings.LastIndex(text[:at], "\n"):at] + restOfLine(text[at:])
}

func restOfLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// blanks are what PostgreSQL's lexer takes for white space.
const blanks = " \t\n\r\f\v"

// skipLead returns the offset of the first token at or after start: it skips blanks and comments, also nested ones.
func skipLead(text string, start int) int {
	at := start
	for at < len(text) {
		rest := text[at:]
		switch {
		case strings.IndexByte(blanks, rest[0]) >= 0:
			at++
		case strings.HasPrefix(rest, "--"):
			at += strings.IndexAny(rest+"\n", "\n\r")
		case strings.HasPrefix(rest, "/*"):
			at += blockComment(rest)
		default:
			return at
		}
	}
	return at
}

// blockComment returns the length of the comment that text begins with; comments nest in PostgreSQL.
func blockComment(text string) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			depth++
			at++
		case strings.HasPrefix(text[at:], "*/"):
			depth--
			at++
			if depth == 0 {
				return at + 1
			}
		}
	}
	return len(text)
}

func trimRight(text string, end int) int {
	return len(strings.TrimRight(text[:end], blanks))
}

package release

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/wasilibs/go-pgquery/parser"
	"google.golang.org/protobuf/encoding/protowire"
)

// token is one of PostgreSQL's lexer. Those of one character have its code as their kind.
type token struct {
	start, end int // bytes
	kind       uint64
}

// Field numbers of libpg_query's protobuf: ScanResult.tokens, ScanToken.start, .end, .token.
const (
	fieldTokens     protowire.Number = 2
	fieldTokenStart protowire.Number = 1
	fieldTokenEnd   protowire.Number = 2
	fieldTokenKind  protowire.Number = 4
)

// scan cuts SQL into its tokens, comments among them.
func scan(sql string) ([]token, error) {
	encoded, err := guarded(parser.ScanToProtobuf, sql)
	if err != nil {
		return nil, fmt.Errorf("scan statement: %w", err)
	}
	var tokens []token
	err = eachField(encoded, func(field protowire.Number, _ uint64, message []byte) error {
		if field != fieldTokens || message == nil {
			return nil
		}
		var t token
		err := eachField(message, func(field protowire.Number, number uint64, _ []byte) error {
			if field == fieldTokenStart {
				t.start = offset(number)
			}
			if field == fieldTokenEnd {
				t.end = offset(number)
			}
			if field == fieldTokenKind {
				t.kind = number
			}
			return nil
		})
		tokens = append(tokens, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("decode the lexer's answer: %w", err)
	}
	return tokens, nil
}

// brackets finds the first parenthesis at or after an offset and returns the tokens' indexes of it and of its partner; -1 when there is none.
func (e *effects) brackets(from int) (opening, closing int) {
	if e.tokens == nil && e.err == nil {
		e.tokens, e.err = scan(e.sql)
	}
	opening = -1
	depth := 0
	for i, t := range e.tokens {
		switch {
		case t.start < from:
		case t.kind == '(':
			if depth++; depth == 1 {
				opening = i
			}
		case t.kind == ')':
			if depth--; depth == 0 {
				return opening, i
			}
		}
	}
	return -1, -1
}

// parenthesized is the SQL between a constraint's parentheses.
func (e *effects) parenthesized(constraint tree) string {
	opening, closing := e.brackets(locationOf(constraint))
	if opening < 0 {
		return ""
	}
	return strings.TrimSpace(e.sql[e.tokens[opening].end:e.tokens[closing].start])
}

// items is the SQL of every part of a list between two parentheses.
func (e *effects) items(opening, closing int) []string {
	var list []string
	depth, from := 0, e.tokens[opening].end
	for _, t := range e.tokens[opening+1 : closing+1] {
		switch {
		case depth == 0 && (t.kind == ',' || t == e.tokens[closing]):
			list = append(list, strings.TrimSpace(e.sql[from:t.start]))
			from = t.end
		case t.kind == '(' || t.kind == '[':
			depth++
		case t.kind == ')' || t.kind == ']':
			depth--
		}
	}
	return list
}

// behindWhere is the SQL of the WHERE that stands in no parentheses after a token, "" when there is none.
func (e *effects) behindWhere(after int) string {
	depth := 0
	for _, t := range e.tokens[after+1:] {
		switch {
		case t.kind == '(':
			depth++
		case t.kind == ')':
			depth--
		case depth == 0 && strings.EqualFold(e.sql[t.start:t.end], "where"):
			return strings.TrimSpace(e.sql[t.end:])
		}
	}
	return ""
}

// locationOf is where a node begins in its statement.
func locationOf(node tree) int {
	at, _ := node["location"].(float64)
	return int(at)
}

func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

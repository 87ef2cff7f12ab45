package ddl

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of a formula.
const (
	mostFormulaBytes = 4000
	mostFormulaDepth = 40
	mostDigits       = 30
	// mostFormulaSQL is how long the SQL of a formula is at most, in bytes.
	mostFormulaSQL = 64 << 10
)

// Expression is a formula over fields of one form. It can do what the list of its functions says, and nothing else.
type Expression struct {
	root *term
}

// term is a node: a constant, a field, or a function or operator over terms.
type term struct {
	// op is the name of a function or an operator; "number", "text", "true", "false" and "empty" are constants, "field" is a field.
	op   string
	text string // of a constant or a field
	args []*term
}

// ParseFormula reads an expression:
//
//	price * quantity * (1 + vat / 100)
//	if(paid, 'done', 'due on ' & due)
//
// Names are keys of fields; texts stand in single quotes, and a quote in them is doubled. There are + - * / % on numbers, & to
// join texts, = <> < <= > >=, and, or, not, and the functions of formula_sql.go.
func ParseFormula(expression string) (*Expression, error) {
	if len(expression) > mostFormulaBytes {
		return nil, fmt.Errorf("the expression has %d bytes, and may have %d", len(expression), mostFormulaBytes)
	}
	tokens, err := tokenize(expression)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if rest := p.peek(); rest.kind != tokenEnd {
		return nil, fmt.Errorf("%s is not expected here", shown(rest.text))
	}
	return &Expression{root: root}, nil
}

// Fields lists the keys that the formula reads, each once.
func (f *Expression) Fields() []string {
	var keys []string
	var walk func(t *term)
	walk = func(t *term) {
		if t.op == "field" && !slices.Contains(keys, t.text) {
			keys = append(keys, t.text)
		}
		for _, arg := range t.args {
			walk(arg)
		}
	}
	walk(f.root)
	return keys
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenText
	tokenName
	tokenSign
)

type token struct {
	kind tokenKind
	text string
}

var signs = []string{"<=", ">=", "<>", "!=", "+", "-", "*", "/", "%", "&", "=", "<", ">", "(", ")", ","}

func tokenize(s string) ([]token, error) {
	var tokens []token
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		var length int
		switch c := s[0]; {
		case c >= '0' && c <= '9':
			length = span(s, "0123456789.")
			if strings.Count(s[:length], ".") > 1 || length > mostDigits || s[length-1] == '.' {
				return nil, fmt.Errorf("%s is not a number", shown(s[:length]))
			}
			tokens = append(tokens, token{tokenNumber, s[:length]})
		case c >= 'a' && c <= 'z':
			length = span(s, "abcdefghijklmnopqrstuvwxyz0123456789_")
			tokens = append(tokens, token{tokenName, s[:length]})
		case c == '\'':
			text, n, err := quotedText(s)
			if err != nil {
				return nil, err
			}
			length = n
			tokens = append(tokens, token{tokenText, text})
		default:
			i := slices.IndexFunc(signs, func(sign string) bool { return strings.HasPrefix(s, sign) })
			if i < 0 {
				return nil, fmt.Errorf("%s is not expected in a formula", shown(string([]rune(s)[0])))
			}
			length = len(signs[i])
			tokens = append(tokens, token{tokenSign, signs[i]})
		}
		s = s[length:]
	}
	return append(tokens, token{kind: tokenEnd, text: "its end"}), nil
}

// span is how many bytes at the beginning are of a set.
func span(s, set string) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) }); i >= 0 {
		return i
	}
	return len(s)
}

// quotedText reads a text in quotes and returns it with how many bytes it takes.
func quotedText(s string) (text string, length int, err error) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == 0:
			return "", 0, fmt.Errorf("%s holds a NUL", shown(s))
		case s[i] != '\'':
		case i+1 < len(s) && s[i+1] == '\'':
			i++
		default:
			return strings.ReplaceAll(s[1:i], "''", "'"), i + 1, nil
		}
	}
	return "", 0, fmt.Errorf("the text %s has no end", shown(s))
}

type parser struct {
	tokens []token
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes a sign or a word when it is next.
func (p *parser) accept(texts ...string) (string, bool) {
	t := p.peek()
	if (t.kind == tokenSign || t.kind == tokenName) && slices.Contains(texts, t.text) {
		p.next()
		return t.text, true
	}
	return "", false
}

func (p *parser) expect(sign string) error {
	if _, ok := p.accept(sign); !ok {
		return fmt.Errorf("%s stands where %s was due", shown(p.peek().text), sign)
	}
	return nil
}

// levels are the operators by how strongly they bind, the weakest first.
var levels = [][]string{{"or"}, {"and"}, {"=", "<>", "!=", "<", "<=", ">", ">="}, {"&"}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) binary(level int) (*term, error) {
	if level == len(levels) {
		return p.unary()
	}
	if p.depth++; p.depth > mostFormulaDepth*len(levels) {
		return nil, fmt.Errorf("it is nested more than %d deep", mostFormulaDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for {
		op, ok := p.accept(levels[level]...)
		if !ok {
			return left, nil
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		if op == "!=" {
			op = "<>"
		}
		left = &term{op: op, args: []*term{left, right}}
	}
}

func (p *parser) unary() (*term, error) {
	if op, ok := p.accept("-", "not"); ok {
		if p.depth++; p.depth > mostFormulaDepth*len(levels) {
			return nil, fmt.Errorf("it is nested more than %d deep", mostFormulaDepth)
		}
		defer func() { p.depth-- }()
		arg, err := p.unary()
		if err != nil {
			return nil, err
		}
		if op == "-" {
			op = "negative"
		}
		return &term{op: op, args: []*term{arg}}, nil
	}
	return p.primary()
}

func (p *parser) primary() (*term, error) {
	t := p.next()
	switch t.kind {
	case tokenNumber:
		return &term{op: "number", text: t.text}, nil
	case tokenText:
		return &term{op: "text", text: t.text}, nil
	case tokenName:
		if _, ok := p.accept("("); ok {
			return p.call(t.text)
		}
		switch t.text {
		case "true", "false", "empty":
			return &term{op: t.text}, nil
		case "and", "or", "not":
			return nil, fmt.Errorf("%s is not expected here", shown(t.text))
		}
		return &term{op: "field", text: t.text}, nil
	case tokenSign:
		if t.text == "(" {
			inner, err := p.binary(0)
			if err != nil {
				return nil, err
			}
			return inner, p.expect(")")
		}
	case tokenEnd:
	}
	return nil, fmt.Errorf("%s is not expected here", shown(t.text))
}

func (p *parser) call(name string) (*term, error) {
	f, known := functions[name]
	if !known {
		return nil, fmt.Errorf("%s is not a function; there are %s", shown(name), strings.Join(functionNames(), ", "))
	}
	called := &term{op: name}
	if _, ok := p.accept(")"); !ok {
		for {
			arg, err := p.binary(0)
			if err != nil {
				return nil, err
			}
			called.args = append(called.args, arg)
			if _, ok := p.accept(","); ok {
				continue
			}
			if err := p.expect(")"); err != nil {
				return nil, err
			}
			break
		}
	}
	if n := len(called.args); n < f.least || n > f.most {
		return nil, fmt.Errorf("%s takes %s, and is given %d", name, f.counts(), n)
	}
	return called, nil
}

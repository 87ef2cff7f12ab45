package export

import (
	"errors"
	"strings"
)

// errUnfinished says that a script ends within a statement.
var errUnfinished = errors.New("the script ends within a statement")

// split cuts a script of pg_dump's into statements, by the rules of psql's own lexer (src/fe_utils/psqlscan.l): a semicolon ends one unless it is in a text,
// a quoted name, a comment, parentheses, or the BEGIN ATOMIC … END of a function.
func split(script string) ([]string, error) {
	s := splitter{text: script}
	var list []string
	for {
		statement, more, err := s.next()
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
		list = append(list, statement)
	}
}

type splitter struct {
	text string
	at   int

	words  int // how many words the statement has so far
	first  [4]byte
	parens int
	begins int
	any    bool // something besides spaces and comments
}

// next gives the next statement without its semicolon.
func (s *splitter) next() (statement string, more bool, err error) {
	s.words, s.first, s.parens, s.begins, s.any = 0, [4]byte{}, 0, 0, false
	begin := s.at
	for s.at < len(s.text) {
		c := s.text[s.at]
		rest := s.text[s.at:]
		switch {
		case c == ';' && s.parens == 0 && s.begins == 0:
			s.at++
			if s.any {
				return strings.TrimSpace(s.text[begin : s.at-1]), true, nil
			}
			begin = s.at
			continue
		case strings.HasPrefix(rest, "--"):
			s.at += lineLength(rest)
			continue
		case strings.HasPrefix(rest, "/*"):
			err = s.comment()
		case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f', c == '\v':
			s.at++
			continue
		case c == '\'' || c == '"':
			s.any = true
			err = s.quoted(c, false)
		case c == '$':
			s.any = true
			err = s.dollar()
		case isWordStart(c):
			s.any = true
			err = s.word()
		default:
			s.any = true
			switch c {
			case '(':
				s.parens++
			case ')':
				s.parens = max(0, s.parens-1)
			}
			s.at++
		}
		if err != nil {
			return "", false, err
		}
	}
	if s.any {
		return "", false, errUnfinished
	}
	return "", false, nil
}

func lineLength(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// comment skips a comment, which may hold others.
func (s *splitter) comment() error {
	depth := 0
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			s.at += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			s.at += 2
			if depth == 0 {
				return nil
			}
		default:
			s.at++
		}
	}
	return errUnfinished
}

// quoted skips a text or a quoted name. A doubled quote ends it and begins it again at once.
func (s *splitter) quoted(quote byte, backslashes bool) error {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\\' && backslashes:
			s.at++
		case c == quote:
			s.at++
			if s.at < len(s.text) && s.text[s.at] == quote {
				continue
			}
			return nil
		}
	}
	return errUnfinished
}

// dollar skips a dollar-quoted text; a dollar that begins none is one character.
func (s *splitter) dollar() error {
	end := s.at + 1
	for end < len(s.text) && isWordPart(s.text[end]) && s.text[end] != '$' {
		end++
	}
	first := s.at + 1
	if end >= len(s.text) || s.text[end] != '$' || (end > first && s.text[first] >= '0' && s.text[first] <= '9') {
		s.at++
		return nil
	}
	tag := s.text[s.at : end+1]
	length := strings.Index(s.text[end+1:], tag)
	if length < 0 {
		return errUnfinished
	}
	s.at = end + 1 + length + len(tag)
	return nil
}

// word takes a word, and counts the BEGIN, CASE and END of a function's body.
func (s *splitter) word() error {
	begin := s.at
	for s.at < len(s.text) && isWordPart(s.text[s.at]) {
		s.at++
	}
	word := strings.ToLower(s.text[begin:s.at])
	if word == "e" && s.at < len(s.text) && s.text[s.at] == '\'' {
		return s.quoted('\'', true)
	}
	switch word {
	case "create", "function", "procedure", "or", "replace":
		if s.words < len(s.first) {
			s.first[s.words] = word[0]
		}
	}
	s.words++
	if s.makesRoutine() && s.parens == 0 {
		switch {
		case word == "begin", word == "case" && s.begins > 0:
			s.begins++
		case word == "end" && s.begins > 0:
			s.begins--
		}
	}
	return nil
}

func (s *splitter) makesRoutine() bool {
	switch f := s.first; {
	case f[0] != 'c':
		return false
	case f[1] == 'o' && f[2] == 'r':
		return f[3] == 'f' || f[3] == 'p'
	default:
		return f[1] == 'f' || f[1] == 'p'
	}
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isWordPart(c byte) bool { return isWordStart(c) || c >= '0' && c <= '9' || c == '$' }

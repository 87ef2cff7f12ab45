package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/wasilibs/go-pgquery/parser"
)

// parseError is where and why the grammar refuses a text.
type parseError struct {
	// offset in bytes, of the token that is refused.
	offset  int
	message string
}

// locate runs PostgreSQL's grammar over a text and returns where its statements are.
func locate(text string) ([]located, *parseError) {
	encoded, err := guarded(parser.ParseToProtobuf, text)
	if err != nil {
		return nil, asParseError(text, err)
	}
	statements, err := decodeLocations(encoded)
	if err != nil {
		return nil, asParseError(text, err)
	}
	return statements, nil
}

// inspect returns the parse tree of one statement: the name of its root, such as "CreateStmt", and the root.
func inspect(sql string) (node string, root tree, refused *parseError) {
	encoded, err := guarded(parser.ParseToJSON, sql)
	if err != nil {
		return "", nil, asParseError(sql, err)
	}
	var result struct {
		Stmts []struct {
			Stmt map[string]tree `json:"stmt"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(encoded), &result); err != nil {
		return "", nil, asParseError(sql, err)
	}
	if len(result.Stmts) != 1 {
		return "", nil, &parseError{message: fmt.Sprintf("is %d statements where one was found", len(result.Stmts))}
	}
	for node, root := range result.Stmts[0].Stmt {
		return node, root, nil
	}
	return "", nil, &parseError{message: "is an empty statement"}
}

// grammar lets one goroutine parse at a time: every further one would make the library compile another copy of the
// grammar, which takes seconds.
var grammar struct {
	sync.Mutex
	// broken is set once the embedded grammar has trapped: its memory cannot be trusted any more.
	broken bool
}

var (
	errTrapped = errors.New("is too much for the parser: it is nested too deeply")
	errBroken  = errors.New("was not looked at: the parser broke on another file of this process; correct that one first")
)

// guarded calls the embedded grammar and turns its traps into errors.
func guarded[T any](call func(string) (T, error), text string) (answer T, err error) {
	grammar.Lock()
	defer grammar.Unlock()
	if grammar.broken {
		return answer, errBroken
	}
	defer func() {
		if recover() != nil {
			grammar.broken = true
			err = errTrapped
		}
	}()
	return call(text)
}

func asParseError(text string, err error) *parseError {
	if refused, ok := errors.AsType[*parser.Error](err); ok {
		return &parseError{offset: byteOffset(text, refused.Cursorpos), message: refused.Message}
	}
	return &parseError{message: err.Error()}
}

// byteOffset turns the grammar's position, in characters from 1, into bytes from 0.
func byteOffset(text string, position int) int {
	at := 0
	for ; position > 1 && at < len(text); position-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

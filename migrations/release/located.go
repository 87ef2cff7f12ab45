package release

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// located is where the grammar found a statement: from behind the semicolon before it, with blanks and comments.
type located struct {
	// start and length are bytes; a length of 0 means up to the end of the text.
	start, length int
	// depth is how deeply the statement's parse tree is nested.
	depth int
}

// Field numbers of libpg_query's protobuf: ParseResult.stmts, RawStmt.stmt, RawStmt.stmt_location, RawStmt.stmt_len.
const (
	fieldStmts    protowire.Number = 2
	fieldStmt     protowire.Number = 1
	fieldLocation protowire.Number = 2
	fieldLen      protowire.Number = 3
)

// decodeLocations reads the little that is wanted of the grammar's protobuf answer. Its message types would bring the
// whole grammar along a second time, in C.
func decodeLocations(encoded []byte) ([]located, error) {
	var statements []located
	err := eachField(encoded, func(field protowire.Number, _ uint64, message []byte) error {
		if field != fieldStmts || message == nil {
			return nil
		}
		var statement located
		err := eachField(message, func(field protowire.Number, number uint64, message []byte) error {
			if field == fieldStmt {
				statement.depth = depth(message)
			}
			if field == fieldLocation {
				statement.start = offset(number)
			}
			if field == fieldLen {
				statement.length = offset(number)
			}
			return nil
		})
		statements = append(statements, statement)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("decode the parser's answer: %w", err)
	}
	return statements, nil
}

// offset is in a text, which is never longer than MaxFileBytes.
func offset(number uint64) int {
	if number > MaxFileBytes {
		return MaxFileBytes
	}
	return int(number)
}

// eachField calls visit with each field's number and its value: a number, or bytes that are not nil.
func eachField(message []byte, visit func(field protowire.Number, number uint64, bytes []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n) //nolint:wrapcheck // decodeLocations wraps it.
		}
		message = message[n:]
		var number uint64
		var bytes []byte
		if n = protowire.ConsumeFieldValue(field, kind, message); n < 0 {
			return protowire.ParseError(n) //nolint:wrapcheck // decodeLocations wraps it.
		}
		if kind == protowire.VarintType {
			number, _ = protowire.ConsumeVarint(message)
		}
		if kind == protowire.BytesType {
			bytes, _ = protowire.ConsumeBytes(message)
		}
		message = message[n:]
		if err := visit(field, number, bytes); err != nil {
			return err
		}
	}
	return nil
}

// depth counts how deeply messages are nested. Without the message types, a text that happens to look like a message
// counts as one; that adds a level or two.
func depth(message []byte) int {
	deepest := 0
	err := eachField(message, func(_ protowire.Number, _ uint64, bytes []byte) error {
		if bytes != nil && deepest < 2*maxDepth {
			deepest = max(deepest, depth(bytes))
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return deepest + 1
}

package ddl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Change is what a builder asks for at once: all of it is made, or nothing.
type Change struct {
	// Versions says which version of a form its author saw, by the form's key. A form that has another version meanwhile
	// makes the change refused, with what happened. A form that is not named is not asked about.
	Versions map[string]int64
	// Operations in the order in which they take effect.
	Operations []Operation
}

// Limits of a change.
const (
	// MostOperations is how many operations a change has at most.
	MostOperations = 200
	// MostLabelBytes is how long a label is at most.
	MostLabelBytes = 10_000
	// mostBytes is how long the JSON of a change is at most.
	mostBytes = 4 << 20
)

// Operation is one step of a change, as its author sees it. The types of this package that implement it are listed in
// [Operations].
type Operation interface {
	// Op is the operation's name, such as "add_field".
	Op() string
	// form is the key of the form that it changes.
	form() string
	// check refuses what no form could take.
	check(c *checker)
	// plan adds what is to be done.
	plan(b *builder)
}

// newOperation makes an empty operation by its name; the order is that of help and of the JSON Schema.
var newOperation = []func() Operation{
	func() Operation { return &CreateForm{} },
	func() Operation { return &RenameForm{} },
	func() Operation { return &DropForm{} },
	func() Operation { return &RestoreForm{} },
	func() Operation { return &RebuildForm{} },
	func() Operation { return &AddField{} },
	func() Operation { return &AddReference{} },
	func() Operation { return &RenameField{} },
	func() Operation { return &DropField{} },
	func() Operation { return &RestoreField{} },
	func() Operation { return &SetRequired{} },
	func() Operation { return &SetOptional{} },
	func() Operation { return &SetDefault{} },
	func() Operation { return &SetOptions{} },
	func() Operation { return &ChangeType{} },
	func() Operation { return &RevertType{} },
	func() Operation { return &AddIndex{} },
	func() Operation { return &DropIndex{} },
	func() Operation { return &SetUnique{} },
	func() Operation { return &DropUnique{} },
	func() Operation { return &Purge{} },
}

// Operations lists the names of all operations.
func Operations() []string {
	names := make([]string, len(newOperation))
	for i, empty := range newOperation {
		names[i] = empty().Op()
	}
	return names
}

// Decode reads a change from JSON. Its error is [Problems]: everything that is wrong with it, each with its place.
func Decode(data []byte) (Change, error) {
	var change Change
	if len(data) > mostBytes {
		return change, Problems{{Message: fmt.Sprintf("the change has %d bytes", len(data)), Fix: fmt.Sprintf("split it: at most %d", mostBytes)}}
	}
	var outer struct {
		Schema     string            `json:"$schema"`
		Versions   map[string]int64  `json:"versions"`
		Operations []json.RawMessage `json:"operations"`
	}
	if err := strict(data, &outer); err != nil {
		return change, Problems{{Message: "the change is not what is expected: " + err.Error(), Fix: `give {"operations": [{"op": "create_form", …}, …]}; tenantry ddl schema prints the JSON Schema`}}
	}
	change.Versions = outer.Versions
	if n := len(outer.Operations); n == 0 || n > MostOperations {
		return change, Problems{{Path: "operations", Message: fmt.Sprintf("there are %d operations", n), Fix: fmt.Sprintf("give 1 to %d", MostOperations)}}
	}
	var problems Problems
	for i, raw := range outer.Operations {
		op, err := decodeOperation(raw, i)
		if err != nil {
			problems = append(problems, err...)
			continue
		}
		change.Operations = append(change.Operations, op)
	}
	return change, problems.Err()
}

func decodeOperation(raw json.RawMessage, i int) (Operation, Problems) {
	path := at(i)
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil || fields == nil {
		return nil, Problems{{Path: path, Message: "is not an object with an op", Fix: `give {"op": "add_field", …}`}}
	}
	name, _ := fields["op"].(string)
	op := byName(name)
	if op == nil {
		return nil, Problems{{Path: path + ".op", Message: shown(name) + " is not an operation", Fix: "use one of " + strings.Join(Operations(), ", ")}}
	}
	delete(fields, "op")
	// Written anew: what Go reads and PostgreSQL does not, such as half a surrogate pair, is gone then.
	rest, err := json.Marshal(fields)
	if err == nil {
		err = strict(rest, op)
	}
	if err != nil {
		return nil, Problems{{Path: path, Message: name + ": " + err.Error(), Fix: "tenantry ddl schema prints what each operation takes"}}
	}
	c := &checker{path: path, given: fields}
	op.check(c)
	return op, c.problems
}

func byName(name string) Operation {
	for _, empty := range newOperation {
		if op := empty(); op.Op() == name {
			return op
		}
	}
	return nil
}

func at(i int) string { return "operations[" + strconv.Itoa(i) + "]" }

// strict decodes one JSON value that has nothing behind it, and no fields but those that it may have, spelt as they are: Go's own decoder takes them in
// any case, and null for nothing.
func strict(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	var value any
	decoder = json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return spelt(value, reflect.TypeOf(into).Elem())
}

// spelt refuses names of fields in another case, and nulls.
func spelt(value any, t reflect.Type) error {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return nil
	case value == nil:
		return errors.New("null is no value here: leave the field out")
	case t.Kind() == reflect.Slice:
		list, _ := value.([]any)
		for _, one := range list {
			if err := spelt(one, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	case t.Kind() == reflect.Map:
		fields, _ := value.(map[string]any)
		for name, one := range fields {
			if err := spelt(one, t.Elem()); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case t.Kind() != reflect.Struct:
		return nil
	}
	known := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			known[name] = field.Type
		}
	}
	fields, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		of, found := known[name]
		if !found {
			return fmt.Errorf("unknown field %q", name)
		}
		if err := spelt(fields[name], of); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// UnmarshalJSON is [Decode].
func (c *Change) UnmarshalJSON(data []byte) error {
	change, err := Decode(data)
	*c = change
	return err
}

// MarshalJSON writes what [Decode] reads.
func (c Change) MarshalJSON() ([]byte, error) {
	outer := struct {
		Versions   map[string]int64  `json:"versions,omitempty"`
		Operations []json.RawMessage `json:"operations"`
	}{Versions: c.Versions, Operations: []json.RawMessage{}}
	for _, op := range c.Operations {
		raw, err := json.Marshal(op)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", op.Op(), err)
		}
		named := `{"op":` + strconv.Quote(op.Op())
		if rest := raw[1:]; len(rest) > 1 {
			named += "," + string(rest)
		} else {
			named += "}"
		}
		outer.Operations = append(outer.Operations, json.RawMessage(named))
	}
	return json.Marshal(outer) //nolint:wrapcheck // it is JSON already
}

// Forms lists the keys of the forms that a change names, those that it refers to included.
func (c Change) Forms() []string {
	var keys []string
	for _, op := range c.Operations {
		keys = append(keys, op.form())
		switch o := op.(type) {
		case *AddField:
			keys = append(keys, o.References)
		case *AddReference:
			keys = append(keys, o.References)
		}
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(key string) bool { return key == "" })
}

// Rebuilt lists the keys of the forms whose tables are made anew: what refers to them matters then.
func (c Change) Rebuilt() []string {
	var keys []string
	for _, op := range c.Operations {
		if rebuild, is := op.(*RebuildForm); is {
			keys = append(keys, rebuild.Form)
		}
	}
	return keys
}

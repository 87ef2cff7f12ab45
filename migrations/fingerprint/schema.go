package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Schema is what a database holds besides its rows: canonical objects, by kind and name.
type Schema struct {
	Objects []Object
}

// Object is one thing of a schema. Kind and Name say which, and no two have both in common.
type Object struct {
	Kind string `json:"kind"` // "table", "column", "column order", "index", "constraint", "view", "function", "trigger", "policy", "grant", ...
	// Name is qualified, and quoted where SQL asks for it: "public.orders.note", "orders_pkey on public.orders".
	Name string `json:"name"`
	// Definition is what makes it what it is: SQL, or close to it, in one or more lines.
	Definition string `json:"definition"`
	Flaw       Flaw   `json:"flaw,omitempty"`
}

// Flaw is why a thing that is there does not do what it says.
type Flaw string

// The flaws. None is the zero value.
const (
	FlawInvalid      Flaw = "invalid"       // an index that is not used: its build did not end
	FlawNotValidated Flaw = "not_validated" // a constraint that old rows may break
)

// Sum is a hash over all objects, in hex: equal if and only if [Compare] finds nothing.
func (s Schema) Sum() string {
	hash := sha256.New()
	for _, o := range s.Objects {
		for _, part := range []string{o.Kind, o.Name, o.Definition, string(o.Flaw)} {
			fmt.Fprintf(hash, "%d:%s\n", len(part), part)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// text is the definition as a person reads it.
func (o Object) text() string {
	switch o.Flaw {
	case FlawInvalid:
		return o.Definition + "\nINVALID"
	case FlawNotValidated:
		return o.Definition + "\nNOT VALID"
	default:
		return o.Definition
	}
}

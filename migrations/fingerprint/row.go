package fingerprint

import "strconv"

// row is one row of a query of catalog/*.sql: an object, or something that is put to one.
type row struct {
	kind string
	self reference
	// relation is the oid of the relation that it belongs to, "0" where it belongs to none.
	relation string
	name     string
	owner    string // a role's name
	// definition may hold names of roles between two characters 1, in kinds that namesRoles lists.
	definition string
	flaw       Flaw
	// acl are its privileges as an array of aclitem, when it has other than the default ones, which are in initial.
	acl, initial string
}

// reference is an object as the catalog refers to it.
type reference struct {
	class    string // the catalog's name
	oid, sub string
}

// firstUserOID is the first oid that is given to what comes after initdb.
const firstUserOID = 16384

// user says whether the object did not come with the server.
func (r reference) user() bool {
	oid, err := strconv.ParseUint(r.oid, 10, 32)
	return err == nil && oid >= firstUserOID
}

// rowColumns is how many columns each query has.
const rowColumns = 11

func newRow(values [][]byte) row {
	text := func(i int) string { return string(values[i]) } // NULL is the empty string
	return row{
		kind:       text(0),
		self:       reference{class: text(1), oid: text(2), sub: text(3)},
		relation:   text(4),
		name:       text(5),
		owner:      text(6),
		definition: text(7),
		flaw:       Flaw(text(8)),
		acl:        text(9),
		initial:    text(10),
	}
}

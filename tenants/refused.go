package tenants

// RefusedError says why something is not done although nothing is broken, and what to do. Nothing was changed.
type RefusedError struct {
	Message string
	Fix     string
	// SQL are statements that somebody with the right to must run first, complete. nil where none help.
	SQL []string
}

// Error gives message and fix.
func (r *RefusedError) Error() string {
	if r.Fix == "" {
		return r.Message
	}
	return r.Message + " (" + r.Fix + ")"
}

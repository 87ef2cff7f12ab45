package workers

import "github.com/riverqueue/river/rivertype"

// Guard is the outermost middleware, for clients of the tests' own.
func Guard() rivertype.Middleware { return &guard{} }

package aggregate

import "time"

// seen is what a run looks like.
type seen struct {
	Now, Until time.Time
	// CancelAsked: a person wants it to end.
	CancelAsked bool
	// Batches are under way.
	Batches int
	// First are slices that nobody has asked for yet, Due all that are to be asked now, Later those whose pause is not over.
	First, Due, Later int
}

// action is what a run needs next.
type action string

const (
	actWait      action = "wait"     // for a batch to end, or a pause
	actDispatch  action = "dispatch" // ask for batches
	actStop      action = "stop"     // cancel the batches
	actCancelled action = "cancelled"
	actComplete  action = "complete"
	actOver      action = "over" // its time is over, and some have not answered
)

// decide says what a run needs next. Everybody is asked once, however long that takes; after its time nobody is asked again.
func decide(s seen) action {
	open := s.Due + s.Later
	over := !s.Now.Before(s.Until) && s.First == 0
	switch {
	case s.CancelAsked && s.Batches > 0:
		return actStop
	case s.CancelAsked:
		return actCancelled
	case s.Batches > 0 && (s.Due == 0 || over):
		return actWait
	case s.Batches == 0 && open == 0:
		return actComplete
	case s.Batches == 0 && over:
		return actOver
	case s.Due > 0:
		return actDispatch
	default:
		return actWait
	}
}

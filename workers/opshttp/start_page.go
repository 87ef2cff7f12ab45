package opshttp

import (
	"net/http"

	"github.com/avenit/tenantry/jobs"
)

const (
	// newestLooked is how many operations the outcomes are counted of.
	newestLooked = 1000
	// newestShown is how many operations are listed.
	newestShown = 25
)

var finalStates = []jobs.State{jobs.StateSucceeded, jobs.StateFailed, jobs.StateCancelled}

// startPage is what start.html shows.
type startPage struct {
	User     string // "" without a login
	Version  string
	WorkerID string
	Away     bool // the control database did not answer: there is nothing below

	Fleet      survey
	Unfinished []stateCount
	Outcomes   []stateCount
	Tenants    []stateCount
	Queues     []queueLine
	Newest     []jobs.Operation
	Looked     int
}

type stateCount struct {
	State string
	Count int64
}

type queueLine struct {
	Name string
	queueState
	Paused bool
}

// startPage shows what is not finished and what was asked last.
func (s *Server) startPage(w http.ResponseWriter, r *http.Request) {
	page := startPage{User: visitOf(r).user, Version: s.cfg.Version, WorkerID: s.cfg.WorkerID(), Looked: newestLooked}
	err := s.fill(r, &page)
	s.fleet.turns.note(err == nil, err, "")
	if err != nil {
		page.Away = true
		s.render(w, http.StatusServiceUnavailable, "start.html", page)
		return
	}
	s.render(w, http.StatusOK, "start.html", page)
}

func (s *Server) fill(r *http.Request, page *startPage) error {
	fleet, err := s.fleet.measure(r.Context())
	if err != nil {
		return err
	}
	outcomes, err := s.fleet.outcomes(r.Context(), newestLooked)
	if err != nil {
		return err
	}
	if page.Newest, err = s.fleet.newest(r.Context(), s.jobs, newestShown); err != nil {
		return err
	}
	page.Fleet = fleet
	for _, state := range unfinishedStates {
		page.Unfinished = append(page.Unfinished, stateCount{string(state), fleet.Operations[state]})
	}
	for _, state := range finalStates {
		page.Outcomes = append(page.Outcomes, stateCount{string(state), outcomes[state]})
	}
	for _, state := range tenantStates {
		page.Tenants = append(page.Tenants, stateCount{string(state), fleet.Tenants[state]})
	}
	for _, name := range fleet.queueNames() {
		page.Queues = append(page.Queues, queueLine{Name: name, queueState: fleet.Queues[name], Paused: fleet.Paused[name]})
	}
	return nil
}

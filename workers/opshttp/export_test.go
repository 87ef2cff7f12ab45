package opshttp

import "time"

// What the tests of the outside look at.
var (
	SurveySQL   = surveySQL
	OutcomesSQL = outcomesSQL
)

// SurveyArgs are the arguments of SurveySQL.
func SurveyArgs() []any { return []any{tenantStates, databaseStates, maxWorkers} }

// StopClock makes the clock of sessions and the throttle stand still.
func (c *Config) StopClock() {
	at := time.Now()
	c.now = func() time.Time { return at }
}

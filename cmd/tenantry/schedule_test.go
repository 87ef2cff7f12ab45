package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestScheduleCommands walks what the fleet does by itself.
func TestScheduleCommands(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	c := at(t, f)
	var names []string
	for _, s := range c.list("schedule", "list") {
		requireFields(t, s, "name", "does", "expression", "zone", "missed", "enabled", "last", "next")
		names = append(names, s["name"].(string))
	}
	require.Equal(t, []string{"drift", "expire", "looks", "measure", "night", "purge", "replaced", "rotate", "sweep", "verify", "warm"}, names)
	require.Regexp(t, `rotate +0 4 1 \* \* +off`, c.ok("schedule", "list"))

	require.Contains(t, c.ok("schedule", "set", "night", "--cron", "30 22 * * *", "--zone", "Europe/Berlin", "--missed", "never"), "30 22 * * * Europe/Berlin")
	require.Equal(t, "never", c.object("schedule", "show", "night")["missed"])
	for _, z := range []struct {
		args []string
		says string
	}{
		{[]string{"schedule", "set", "night"}, "--cron"},
		{[]string{"schedule", "set", "night", "--cron", "tomorrow"}, "expression: "},
		{[]string{"schedule", "set", "night", "--zone", "Berlin"}, "--zone: "},
		{[]string{"schedule", "set", "night", "--missed", "all"}, "once, each or never"},
	} {
		_, said := c.run(exitUsage, z.args...)
		require.Contains(t, said, z.says)
	}
	_, said := c.run(exitError, "schedule", "set", "purge", "--missed", "each")
	require.Contains(t, said, "chore of the workers")
	for _, args := range [][]string{{"show", "nothing"}, {"set", "nothing", "--cron", "* * * * *"}, {"enable", "nothing"}, {"run-now", "nothing"}} {
		_, said := c.run(exitError, append([]string{"schedule"}, args...)...)
		require.Contains(t, said, "there is no such schedule", args)
	}

	c.ok("schedule", "run-now", "drift", "--wait")
	require.Contains(t, c.ok("schedule", "show", "drift"), "succeeded")
	c.ok("schedule", "disable", "purge")
	require.Nil(t, c.object("schedule", "show", "purge")["next"])
	c.ok("schedule", "run-now", "purge", "--wait")
	require.Equal(t, "ok", c.object("schedule", "show", "purge")["outcome"])
	c.ok("schedule", "enable", "purge")

	c.ok("tenant", "create", "acme", "--wait")
	before := c.ok("tenant", "url", "acme")
	today := func() (day string) {
		t.Helper()
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT (now() AT TIME ZONE 'UTC')::date::text`).Scan(&day))
		return day
	}
	day := today()
	c.ok("schedule", "run-now", "rotate", "--wait")
	rotations := c.list("op", "list", "--kind", "rotate")
	require.Len(t, rotations, 1)
	f.Succeeds(t, rotations[0]["id"].(string))
	require.NotEqual(t, before, c.ok("tenant", "url", "acme"))
	c.ok("schedule", "run-now", "rotate", "--wait")
	most := 1
	if today() != day { // it has become midnight meanwhile
		most = 2
	}
	require.LessOrEqual(t, len(c.list("op", "list", "--kind", "rotate")), most, "once a day")
}

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/chaos"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// TestChaosRollout is here because it runs the server of a node that goes away. See package chaos.
func TestChaosRollout(t *testing.T) {
	t.Parallel()
	chaos.Asked(t)
	program, err := crashtest.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	chaos.Run(t, program, privateServer(t))
}

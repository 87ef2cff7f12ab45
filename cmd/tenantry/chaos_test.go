package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/chaostest"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// TestChaosRollout is here because it runs the server of a node that goes away. See package chaostest.
func TestChaosRollout(t *testing.T) {
	t.Parallel()
	chaostest.Asked(t)
	program, err := crashtest.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	chaostest.Run(t, program, privateServer(t))
}

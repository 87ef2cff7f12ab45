package jobs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// The Node example, run as a Node API would run it: with the package pg, as tenantry_api.
func TestNodeExample(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	require.NoError(t, err, "node is needed: make deps-test installs it")
	dir := filepath.Join("..", "docs", "examples", "node")
	require.DirExists(t, filepath.Join(dir, "node_modules", "pg"), "the example's packages are needed: make deps-test installs them")
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	cmd := exec.CommandContext(t.Context(), node, "example.mjs", "from-node")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TENANTRY_API_URL="+fleettest.APIURL(t, f))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, `rolled back: nothing there
committed: from-node is active
asked again: created false, same tenant true
suspend: succeeded
refused (TY001, field colour): "colour": suspend takes no such field
`, string(out))
}

package workers_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestAdoptAfterTheTool lets the tools themselves migrate, where the environment names their command line programs: TENANTRY_TEST_GOOSE,
// TENANTRY_TEST_MIGRATE (go install github.com/pressly/goose/v3/cmd/goose@v3.26.0, -tags postgres github.com/golang-migrate/migrate/v4/cmd/migrate@v4.19.0). It also
// holds the tables that the other tests write by hand against the tools' own.
func TestAdoptAfterTheTool(t *testing.T) {
	t.Parallel()
	programs := map[string]struct {
		variable string
		up, down func(program, folder, url string) []string
	}{
		"goose": {
			"TENANTRY_TEST_GOOSE",
			func(program, folder, url string) []string {
				return []string{program, "-dir", folder, "postgres", url, "up"}
			},
			func(program, folder, url string) []string {
				return []string{program, "-dir", folder, "postgres", url, "down"}
			},
		},
		"golang-migrate": {
			"TENANTRY_TEST_MIGRATE",
			func(program, folder, url string) []string {
				return []string{program, "-path", folder, "-database", url, "up"}
			},
			func(program, folder, url string) []string {
				return []string{program, "-path", folder, "-database", url, "down", "1"}
			},
		},
	}
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := os.Getenv(program.variable)
			if path == "" {
				t.Skip(program.variable + " names no program")
			}
			tool := toolNamed(t, name)
			f := fleettest.New(t)
			l := newLegacy(t, f, f.Node(t, "n1"))
			l.publish(t, "v1", tool, 2)
			l.publish(t, "v2", tool, 3)
			f.Worker(t)
			folder := t.TempDir()
			for file, content := range tool.folder(3) {
				require.NoError(t, os.WriteFile(filepath.Join(folder, file), content.Data, 0o600))
			}
			if name == "golang-migrate" { // goose has it in the same file
				require.NoError(t, os.WriteFile(filepath.Join(folder, "000003_step.down.sql"), []byte(downSQL), 0o600))
			}
			database, byHand := l.database(t, "acme"), l.database(t, "hand", tool.applied(3)...)
			run := func(command []string) {
				out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			u := l.url(t, database)
			run(program.up(path, folder, u))
			theirs, err := fingerprint.Read(t.Context(), l.connect(t, database), fingerprint.Options{})
			require.NoError(t, err)
			ours, err := fingerprint.Read(t.Context(), l.connect(t, byHand), fingerprint.Options{})
			require.NoError(t, err)
			require.Empty(t, fingerprint.Compare(theirs, ours), "the tool's own table is another one")
			require.Equal(t, 3, l.look(t, jobs.AdoptCheck{Database: database}).Files)

			run(program.down(path, folder, u))
			require.Equal(t, 2, l.look(t, jobs.AdoptCheck{Database: database}).Files)
			f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database}).OperationID)
			f.Do(t, jobs.Migrate{Tenant: "acme", Release: "v2"})
			execIn(t, f.Connect(t, "acme", tenants.RoleApp), "UPDATE billing.invoices SET paid = true")
		})
	}
}

// url is what the old application connects with.
func (l *legacy) url(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	u.User, u.Path = url.UserPassword(l.role, legacyPassword), "/"+database
	return u.String()
}

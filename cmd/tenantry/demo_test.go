package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/fanout"
)

// TestDemo: the demo tells every step of its story, in order, with what has come of it, and leaves nothing.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // PostgreSQL's own user must get through
	kept := filepath.Join(dir, "kept")
	require.NoError(t, os.WriteFile(kept, nil, 0o600))
	var out, said bytes.Buffer
	day := time.Now().UTC().Day()
	require.Equal(t, exitOK, run([]string{"dev", "--demo", "--dir", dir, "--tenants", "3", "--warm", "1"}, &out, &said), "%s%s", &out, &said)
	require.Empty(t, said.String())

	// Invoices of today, as sampleRows writes them: 2 + seed * 7 % 11 for each tenant.
	invoices := "28"
	if time.Now().UTC().Day() != day {
		invoices = `\d+`
	}
	rest := out.String()
	for _, step := range []string{
		`(?m)^1\. `,
		`provision  \[####################\] 3 of 3, `,
		`a customer signs up: one transaction of the API, \d+\.\d ms, and the tenant is active in database \S+$`,
		`it is suspended in \S+, resumed in \S+, given new passwords in \S+$`,
		`(?m)^2\. `,
		`release crm-payments is published`,
		`preflight: 4 tenants looked at in \S+, \d+ statements to run; nobody is blocked`,
		`wave 1 of 4  \[####################\] 1 of 1, the canary acme$`,
		`wave 2 of 4  \[####################\] 1 of 1$`,
		`wave 3 of 4  \[####################\] 1 of 1$`,
		`wave 4 of 4  \[####################\] 1 of 1$`,
		`all 4 tenants have release crm-payments`,
		`(?m)^3\. `,
		`its field "Budget \(EUR\)" is added in \S+: the column form_data\.\w+\.\w+ numeric\(12,2\), with its default in all 1000 rows$`,
		`(?m)^4\. `,
		`back up  \[####################\] 4 of 4, `,
		`all 4 tenants are backed up in \S+: \d{4,} rows, `,
		`the one of acme is proven in \S+: restored beside, every row compared`,
		`(?m)^5\. `,
		`tenantry query "SELECT count\(\*\) FROM invoices WHERE issued_at >= current_date" --sum$`,
		` ` + invoices + ` invoices were issued on the platform today: 4 of 4 tenants have answered, and it is as many as were written\n$`,
	} {
		if !strings.HasPrefix(step, "(?m)") && !strings.HasSuffix(step, `\n$`) {
			step = "(?m)" + step
		}
		at := regexp.MustCompile(step).FindStringIndex(rest)
		require.NotNil(t, at, "%s is not in what is left of the story:\n%s", step, &out)
		rest = rest[at[1]:]
	}
	require.FileExists(t, kept)
	require.NoDirExists(t, filepath.Join(dir, "demo"))
}

// TestDemoDoubts: the demo ends with an error where the answer is not what was written, and where not everybody has given it.
func TestDemoDoubts(t *testing.T) {
	t.Parallel()
	d := &devFleet{opts: devOptions{tenants: 1}, issued: map[string]int{"2026-11-28": 7, "2026-11-29": 2}}
	all := fanout.Report{Outcomes: []fanout.Outcome{{State: fanout.Answered}, {State: fanout.Answered}}}
	require.NoError(t, d.agrees(7, "2026-11-28", all))
	require.ErrorContains(t, d.agrees(9, "2026-11-28", all), "7 invoices were written")
	require.ErrorContains(t, d.agrees(7, "2026-11-28", fanout.Report{Outcomes: all.Outcomes[:1]}), "1 of 1 tenants")
	all.Outcomes[1].State = fanout.Unreachable
	require.ErrorContains(t, d.agrees(7, "2026-11-28", all), "1 of 2 tenants")
}

// TestDemoNeedsTenants: without any there is no story.
func TestDemoNeedsTenants(t *testing.T) {
	t.Parallel()
	var out, said bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"dev", "--demo", "--dir", t.TempDir(), "--tenants", "0"}, &out, &said))
	require.Contains(t, said.String(), "--tenants 1")
}

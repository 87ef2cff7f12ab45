package crashtest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is the built command line.
type Program struct {
	path string
}

// Build builds the program into a folder.
func Build(ctx context.Context, dir string) (Program, error) {
	p := Program{path: filepath.Join(dir, "tenantry")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", p.path, "github.com/avenit/tenantry/cmd/tenantry")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return p, nil
}

// Points lists the crash points of the program, as it says them itself.
func (p Program) Points(ctx context.Context) ([]string, error) {
	out, err := p.Run(ctx, nil, "crashpoints")
	if err != nil {
		return nil, err
	}
	return strings.Fields(out), nil
}

// Run runs one command and gives what it wrote.
func (p Program) Run(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("tenantry %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

// Command tenantry runs the background work of a SaaS in which every tenant has its own PostgreSQL database: it is the worker,
// the operators' command line, and a fleet on one machine to try it all (tenantry dev).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name zones, and not every machine knows them

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

// Exit codes, told by tenantry --help.
const (
	exitOK      = 0
	exitError   = 1
	exitUsage   = 2
	exitPartial = 3
	exitTimeout = 5
)

// codeError is an error with an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }

func (e *codeError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...)}
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	a := &app{out: stdout, err: stderr}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	a.close()
	return a.exitCode(err)
}

func (a *app) exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errShown) {
		_, _ = fmt.Fprintln(a.err, "tenantry:", message(err))
	}
	var coded *codeError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case !a.began:
		_, _ = fmt.Fprintln(a.err, "See tenantry --help, or --help after a command.")
		return exitUsage
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	default:
		return exitError
	}
}

const rootHelp = `Tenantry runs the background work of a SaaS in which every tenant has its own PostgreSQL database.

Try it on this machine:            tenantry dev
Set up a control database:         tenantry control migrate
Add a server for tenants:          tenantry node add eu1 --url postgres://postgres:…@db1:5432/postgres
Publish your schema:               tenantry release publish ./migrations --name 2026.11
Run workers:                       tenantry worker
Make a tenant:                     tenantry tenant create acme --wait
Connect to it:                     psql "$(tenantry tenant url acme --role app)"
Bring all to a release:            tenantry rollout start 2026.12, tenantry rollout watch
See who was changed by hand:       tenantry drift check --all --diff
Ask every tenant's database:       tenantry query "SELECT count(*) FROM invoices" --sum
Change a tenant's forms:            tenantry ddl plan acme -f change.json, tenantry ddl apply acme -f change.json --wait
Back up, verify, restore:          tenantry backup create acme, tenantry backup status, tenantry backup restore BACKUP --to-new acme-2
Give a customer all that is theirs: tenantry export create acme --wait, tenantry export fetch EXPORT, tenantry import FILE --to-new acme-2
Watch:                             tenantry op list, tenantry op watch OP, tenantry ops (metrics and River UI)

Environment: TENANTRY_CONTROL_URL (the control database, reached directly), TENANTRY_SECRET_KEY (seals passwords; several keys
separated by commas, the newest first), TENANTRY_BACKUP_URL (where workers keep backups), TENANTRY_PG_BIN (the folder of PostgreSQL's
programs, where they are not found), TENANTRY_LOG_LEVEL, TENANTRY_LOG_FORMAT (json or console). Where TENANTRY_CONTROL_URL is
not set, .tenantry/dev.env of this folder or one above is read, which tenantry dev writes.

Exit codes: 0 ok, 1 error, 2 usage, 3 partial (some of several failed, have drifted, or have not answered), 5 timeout (the work goes on; with -o json the
operations are printed as they are).`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "tenantry",
		Short:         "One PostgreSQL database per tenant, looked after",
		Long:          rootHelp,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := a.readEnv(); err != nil {
				return err
			}
			a.began = true // what fails from here on is not a matter of usage
			return nil
		},
	}
	root.PersistentFlags().VarP(&a.format, "output", "o", "output `format`: table or json")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.controlCommand(), a.nodeCommand(), a.releaseCommand(), a.rolloutCommand(), a.driftCommand(), a.scheduleCommand(), a.tenantCommand(), a.queryCommand(), a.aggregateCommand(), a.ddlCommand(), a.formsCommand(), a.backupCommand(), a.certificateCommand(), a.exportCommand(), a.importCommand(), a.opCommand(),
		a.workerCommand(), a.opsCommand(), a.devCommand(), a.doctorCommand(), a.keyCommand(), crashpointsCommand(a))
	return root
}

// group makes a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError("%s has no command %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
		}
		return c.Help()
	}}
	c.AddCommand(commands...)
	return c
}

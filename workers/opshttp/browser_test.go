package opshttp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

// The names under which the browser knows the servers. Neither is loopback to it, so it treats them as it would treat a
// server in a company's network without TLS: no Sec-Fetch headers, only Origin.
const (
	opsHost  = "ops.test"
	evilHost = "evil.test"
)

// TestBrowser walks an operator's way through a real browser: the form, River UI with its assets under our headers, a job
// and its recorded output, a change by hand; and then a foreign page that tries the same.
func TestBrowser(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	op := f.Succeeds(t, made.OperationID)
	o := serve(t, f)
	b := newBrowser(t)
	_, port, err := net.SplitHostPort(o.server.Addr())
	require.NoError(t, err)
	base := "http://" + net.JoinHostPort(opsHost, port)

	// The form leads where the operator wanted to go.
	b.do(
		chromedp.Navigate(base+"/riverui/jobs?state=completed"),
		chromedp.WaitVisible(chromedp.CSS(`input[name=password]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name=user]`), user),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), password),
		chromedp.Click(chromedp.CSS(`button`)),
		chromedp.WaitVisible(`//*[text()="provision"]`),
	)
	b.screenshot("list")
	b.do(
		chromedp.Click(`//*[text()="provision"]`),
		chromedp.Click(`//*[contains(text(), "output")]`),
		chromedp.WaitVisible(fmt.Sprintf(`//*[contains(text(), %q)]`, made.Database)),
	)
	b.screenshot("job")
	require.Contains(t, string(op.Result), made.Database)
	job := b.text("body")
	require.Contains(t, job, made.OperationID)
	require.Contains(t, job, made.TenantID)

	b.do(chromedp.Click(`//button[contains(., "Retry")]`))
	require.Eventually(t, func() bool { return len(o.log.with(t, "ops change")) == 1 }, 10*time.Second, 10*time.Millisecond)
	change := o.log.with(t, "ops change")[0]
	require.Equal(t, user, change["user"])
	require.EqualValues(t, http.StatusOK, change["status"])
	require.Equal(t, []any{float64(*op.RiverJobID)}, change["river_job_ids"])

	b.do(chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS(`#newest`)))
	b.screenshot("start")
	require.Contains(t, b.text("#newest"), made.OperationID)
	require.Empty(t, b.console(), "the headers hold nothing back that the pages need")

	fromForeignPage(t, o, b, base, *op.RiverJobID)
	b.do(
		chromedp.Navigate(base+"/"),
		chromedp.Click(`//button[contains(., "Log out")]`),
		chromedp.WaitVisible(chromedp.CSS(`input[name=password]`)),
	)
	require.NotContains(t, o.log.String(), password)
}

// fromForeignPage opens a page of another site, which frames ours and sends a change with the operator's browser.
func fromForeignPage(t *testing.T, o *ops, b *browser, base string, job int64) {
	t.Helper()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<p id="here">hello</p><iframe src="%s/login"></iframe>`, base)
	}))
	defer evil.Close()
	_, port, err := net.SplitHostPort(evil.Listener.Addr().String())
	require.NoError(t, err)
	b.do(chromedp.Navigate("http://"+net.JoinHostPort(evilHost, port)), chromedp.WaitVisible(chromedp.CSS(`#here`)))
	framed := func() bool { return strings.Contains(strings.Join(b.console(), ""), "frame-ancestors") }
	require.Eventually(t, framed, 10*time.Second, 10*time.Millisecond, "our pages are in nobody's frame")
	require.Zero(t, b.await(fmt.Sprintf(`fetch("%s/riverui/api/jobs/delete",
		{method: "POST", mode: "no-cors", credentials: "include", body: JSON.stringify({ids: ["%d"]})}).then(() => 1, () => 0)`, base, job)),
		"the answer is withheld")
	lines := o.log.with(t, "ops change")
	require.Len(t, lines, 2)
	require.EqualValues(t, http.StatusUnauthorized, lines[1]["status"], "the cookie is not sent from another site")
}

// browser is a headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{t: t}
	// Without a sandbox: it cannot be had as root, in a container, and the pages are ours.
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 1000),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP %s 127.0.0.1, MAP %s 127.0.0.1", opsHost, evilHost)),
	)...)
	tab, closeTab := chromedp.NewContext(allocator)
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	b.ctx = ctx
	t.Cleanup(func() {
		cancel()
		end, cancel := context.WithTimeout(tab, 10*time.Second)
		defer cancel()
		_ = chromedp.Cancel(end)
		closeTab()
		stop()
	})
	require.NoError(t, chromedp.Listen(tab, b.hear)) // starts the browser, under a context without a deadline
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.FailNow(t, "there is no Chromium in PATH", "make deps-test installs it")
	return ""
}

// hear keeps what the browser writes to its console: errors of scripts, and what a policy forbade.
func (b *browser) hear(event any) {
	var message string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		message = fmt.Sprintln(e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		message = fmt.Sprintln(e.ExceptionDetails.Text, e.ExceptionDetails.URL)
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, message)
}

func (b *browser) console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, steps...)
	if err != nil {
		b.screenshot("failed")
	}
	require.NoError(b.t, err, "console: %q", b.console())
}

func (b *browser) text(selector chromedp.CSS) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(selector))
	require.NoError(b.t, err)
	return text
}

// await runs a script and waits for the number that it promises.
func (b *browser) await(script string) int {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return n
}

func (b *browser) screenshot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 10*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.t.TempDir(), name+".png"), png, 0o600))
}

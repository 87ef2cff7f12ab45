package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// format is the value of --output.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

func (f *format) String() string {
	if *f == "" {
		return string(formatTable)
	}
	return string(*f)
}

func (f *format) Set(s string) error {
	if s != string(formatTable) && s != string(formatJSON) {
		return fmt.Errorf("%q is no format; use table or json", s)
	}
	*f = format(s)
	return nil
}

func (f *format) Type() string { return "format" }

func (a *app) json() bool { return a.format == formatJSON }

// printJSON writes one value, indented.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (a *app) println(args ...any) { _, _ = fmt.Fprintln(a.out, args...) }

func (a *app) printf(f string, args ...any) { _, _ = fmt.Fprintf(a.out, f, args...) }

// table writes aligned columns.
func table(w io.Writer, header []string, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		_, _ = fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	_ = tw.Flush()
}

// printable drops what would move a terminal's cursor: names are free text of strangers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	default:
		return t.UTC().Format(time.DateOnly)
	}
}

func labelText(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for k, v := range labels {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// parseLabels reads k=v flags.
func parseLabels(flag string, list []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, item := range list {
		k, v, ok := strings.Cut(item, "=")
		if !ok || k == "" {
			return nil, usageError("--%s %q is not key=value", flag, item)
		}
		labels[k] = v
	}
	return labels, nil
}

// parseLabelChanges reads k=v, which sets a label, and k-, which removes it.
func parseLabelChanges(flag string, list []string) (set map[string]string, remove []string, err error) {
	var sets []string
	for _, item := range list {
		if k, ok := strings.CutSuffix(item, "-"); ok && !strings.Contains(item, "=") {
			remove = append(remove, k)
			continue
		}
		sets = append(sets, item)
	}
	set, err = parseLabels(flag, sets)
	return set, remove, err
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

package execute

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// known is the registry as it was read when the lock was taken, as far as it was read.
type known struct {
	registry *ddl.Registry
	// forms are the keys of those that were read with their fields and indexes.
	forms []string
}

// form gives what is known of a form, nil when it was not read, or not with its fields.
func (k known) form(key string) *ddl.Form {
	if k.registry == nil || !slices.Contains(k.forms, key) {
		return nil
	}
	return k.registry.Form(key)
}

// has reports whether the registry has a form.
func (k known) has(key string) bool {
	return k.registry == nil || k.registry.Form(key) != nil
}

// formRow, fieldRow and indexRow are rows of the registry, as they are written.
type formRow struct {
	Key        string     `json:"key"`
	Label      string     `json:"label"`
	Table      string     `json:"table"`
	View       string     `json:"view"`
	Version    int64      `json:"version"`
	Dropped    *time.Time `json:"dropped_at,omitempty"`
	PurgeAfter *time.Time `json:"purge_after,omitempty"`
}

type fieldRow struct {
	*ddl.Field

	Form string `json:"form"`
}

type indexRow struct {
	*ddl.Index

	Form string `json:"form"`
}

// difference is what has to be written for the registry to become what a plan makes of it.
type difference struct {
	forms []formRow
	// fields that are new or others, and the keys of those that may stay in each form whose other fields are deleted.
	fields []fieldRow
	kept   map[string][]string
	// Those of reindexed forms, all of them.
	indexes   []indexRow
	reindexed []string
}

func differenceOf(before known, touched []*ddl.Form) difference {
	d := difference{kept: map[string][]string{}}
	for _, form := range touched {
		d.forms = append(d.forms, formRow{form.Key, form.Label, form.Table, form.View, form.Version, form.Dropped, form.PurgeAfter})
		old := before.form(form.Key)
		if old == nil {
			old = &ddl.Form{}
		}
		for _, field := range form.Fields {
			if !reflect.DeepEqual(old.Field(field.Key), field) {
				d.fields = append(d.fields, fieldRow{field, form.Key})
			}
		}
		unread := before.form(form.Key) == nil && before.has(form.Key)
		if unread || slices.ContainsFunc(old.Fields, func(f *ddl.Field) bool { return form.Field(f.Key) == nil }) {
			keys := []string{}
			for _, field := range form.Fields {
				keys = append(keys, field.Key)
			}
			d.kept[form.Key] = keys
		}
		if unread || !sameIndexes(old.Indexes, form.Indexes) {
			d.reindexed = append(d.reindexed, form.Key)
			for _, index := range form.Indexes {
				d.indexes = append(d.indexes, indexRow{index, form.Key})
			}
		}
	}
	return d
}

func sameIndexes(a, b []*ddl.Index) bool {
	return slices.EqualFunc(a, b, func(a, b *ddl.Index) bool { return reflect.DeepEqual(a, b) })
}

// commitCommands write the difference, forms that are gone and the next number.
func (s *session) commitCommands(plan *ddl.Plan) ([]gentle.Command, error) {
	var commands []gentle.Command
	add := func(sql string, arg string) {
		commands = append(commands, gentle.Command{SQL: sql, Args: []string{arg}, Plan: true})
	}
	d := differenceOf(s.known, plan.Touched)
	if len(plan.Gone) > 0 {
		add(deleteFormsSQL, gentle.TextArray(plan.Gone))
	}
	if len(d.reindexed) > 0 {
		add(deleteIndexesSQL, gentle.TextArray(d.reindexed))
	}
	for _, w := range []struct {
		sql  string
		rows any
		n    int
	}{
		{writeFormsSQL, d.forms, len(d.forms)},
		{deleteFieldsSQL, d.kept, len(d.kept)},
		{writeFieldsSQL, d.fields, len(d.fields)},
		{writeIndexesSQL, d.indexes, len(d.indexes)},
	} {
		if w.n == 0 {
			continue
		}
		rows, err := json.Marshal(w.rows)
		if err != nil {
			return nil, fmt.Errorf("encode the registry: %w", err)
		}
		add(w.sql, string(rows))
	}
	if s.known.registry == nil || s.known.registry.Next != plan.Next {
		add(writeNextSQL, strconv.FormatInt(plan.Next, 10))
	}
	return commands, nil
}

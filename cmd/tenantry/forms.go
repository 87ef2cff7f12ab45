package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

func (a *app) formsCommand() *cobra.Command {
	return group("forms", "Show what a tenant's forms are", a.formsShow())
}

func (a *app) formsShow() *cobra.Command {
	var dropped bool
	c := &cobra.Command{
		Use: "show TENANT [FORM...]", Short: "Show forms: labels, fields, physical names, types", Args: cobra.MinimumNArgs(1),
		Long: `Shows a tenant's forms as its own database keeps them, in the schema _tenantry: what people see, and what it is called in the database.
Rows are in form_data.TABLE; the view has the labels as the names of its columns.`,
		Example: "  tenantry forms show acme\n  tenantry forms show acme projects -o json",
		RunE: func(c *cobra.Command, args []string) error {
			conn, t, err := a.connectTenant(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer closeConn(c.Context(), conn)
			registry, err := execute.Read(c.Context(), conn)
			if err != nil {
				return err
			}
			for _, key := range args[1:] {
				if registry.Form(key) == nil {
					return fmt.Errorf("tenant %s has no form %q", t.Slug, key)
				}
			}
			forms := slices.DeleteFunc(registry.Forms, func(f *ddl.Form) bool {
				return (f.Dropped != nil && !dropped) || (len(args) > 1 && !slices.Contains(args[1:], f.Key))
			})
			if a.json() {
				return a.printJSON(forms)
			}
			if len(forms) == 0 {
				a.printf("tenant %s has no forms\n", t.Slug)
			}
			for i, form := range forms {
				if i > 0 {
					a.println()
				}
				a.printForm(form, dropped)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&dropped, "dropped", false, "dropped forms and fields too, as long as they can be restored")
	return c
}

func (a *app) printForm(form *ddl.Form, dropped bool) {
	a.printf("%s  %q  version %d\n", form.Key, form.Label, form.Version)
	if form.Dropped != nil {
		a.printf("  dropped %s, can be restored until %s\n", ago(*form.Dropped), form.PurgeAfter.UTC().Format(time.DateOnly))
	} else {
		a.printf("  table form_data.%s, view form_views.%q\n", form.Table, form.View)
	}
	var rows [][]string
	for _, field := range form.Fields {
		if field.Dropped != nil && !dropped {
			continue
		}
		rows = append(rows, []string{"  " + field.Key, field.Label, typeText(field.Spec), field.Column, fieldText(form, field)})
	}
	if len(rows) > 0 {
		table(a.out, []string{"  FIELD", "LABEL", "TYPE", "COLUMN", ""}, rows)
	}
	for _, index := range form.Indexes {
		kind := "index"
		if index.Unique {
			kind = "unique"
		}
		a.printf("  %s over %s (%s)\n", kind, strings.Join(index.Fields, ", "), index.Name)
	}
}

// typeText writes a type with its parameters.
func typeText(s ddl.Spec) string {
	var parts []string
	switch s.Type { //nolint:exhaustive // the others have no parameters
	case ddl.Decimal:
		parts = append(parts, strconv.Itoa(s.Precision), strconv.Itoa(*s.Scale))
	case ddl.Integer:
		parts = append(parts, strconv.Itoa(s.Bits))
	case ddl.Money:
		parts = append(parts, s.Currency)
	case ddl.Reference, ddl.ManyToMany:
		parts = append(parts, s.References)
	case ddl.Select, ddl.MultiSelect:
		for _, option := range s.Options {
			parts = append(parts, option.Key)
		}
	case ddl.ShortText, ddl.LongText:
		if s.MaxLength > 0 {
			parts = append(parts, strconv.Itoa(s.MaxLength))
		}
	case ddl.Formula:
		parts = append(parts, s.Expression)
	default:
	}
	text := strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
	if text == "" {
		return string(s.Type)
	}
	return fmt.Sprintf("%s(%s)", s.Type, shorten(text, 40))
}

// fieldText says what else there is to a field.
func fieldText(form *ddl.Form, field *ddl.Field) string {
	var parts []string
	if field.Required {
		parts = append(parts, "required")
	}
	if form.Index([]string{field.Key}, true) != nil {
		parts = append(parts, "unique")
	}
	if field.Default != nil {
		parts = append(parts, "default "+shorten(string(field.Default), 40))
	}
	for _, former := range field.Former {
		parts = append(parts, fmt.Sprintf("was %s in %s until %s", typeText(former.Spec), former.Column, former.PurgeAfter.UTC().Format(time.DateOnly)))
	}
	if field.Dropped != nil {
		parts = append(parts, "dropped, can be restored until "+field.PurgeAfter.UTC().Format(time.DateOnly))
	}
	return strings.Join(parts, ", ")
}

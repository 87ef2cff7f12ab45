package looks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/archive"
)

func contents() backup.Contents {
	c := backup.Contents{Tables: []backup.Table{{Schema: "public", Table: "customers", Sum: archive.Sum{Bytes: 7}}}}
	for _, t := range []struct{ kind, schema, name string }{
		{"TABLE", "public", "customers"},
		{"TABLE", "public", "orders"},
		{"TABLE", "billing", "orders"},
		{"TABLE", "billing", "invoices"},
		{"TABLE", "shop", "parts"},
		{"TABLE", "store", "parts"},
		{"TABLE", "public", "Odd.Name"},
		{"TABLE", "public", `we"ird`},
		{"TABLE", "_tenantry", "meta"},
		{"VIEW", "public", "active_customers"},
		{"SEQUENCE", "public", "customers_id_seq"},
		{"INDEX", "public", "customers_pkey"},
	} {
		c.Schema = append(c.Schema, backup.Thing{Kind: t.kind, Schema: t.schema, Name: t.name})
	}
	return c
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"customers":            "public.customers",
		" Customers ":          "public.customers", // SQL folds what is not quoted
		`"customers"`:          "public.customers",
		"public.customers":     "public.customers",
		"orders":               "public.orders", // public comes first
		"billing.orders":       "billing.orders",
		"invoices":             "billing.invoices", // the only one
		`"Odd.Name"`:           `public."Odd.Name"`,
		`public . "x"`:         "",
		`"public"."Odd.Name"`:  `public."Odd.Name"`,
		`"we""ird"`:            `public."we""ird"`,
		"_tenantry.meta":       "_tenantry.meta",
		"meta":                 "",
		"parts":                "",
		"shop.parts":           "shop.parts",
		"active_customers":     "",
		"customers_id_seq":     "",
		"customers_pkey":       "",
		"Odd.Name":             "",
		`"Customers"`:          "",
		"a.b.c":                "",
		"":                     "",
		".":                    "",
		"customers;":           "",
		`"customers`:           "",
		`""`:                   "",
		`"customers"x`:         "",
		"1customers":           "",
		"customers.":           "",
		"customers, orders":    "",
		"customers--":          "",
		`public."we""ird"""`:   "",
		`"public.customers"`:   "",
		"nowhere.customers":    "",
		`PUBLIC."Odd.Name"`:    `public."Odd.Name"`,
		"Billing.Invoices":     "billing.invoices",
		"billing.\"invoices\"": "billing.invoices",
	} {
		chosen, err := Choose(contents(), []string{given})
		if want == "" {
			var refused *tenants.RefusedError
			require.ErrorAs(t, err, &refused, given)
			require.True(t, strings.HasPrefix(refused.Message, "tables: "), refused.Message)
			require.NotEmpty(t, refused.Fix, given)
			continue
		}
		require.NoError(t, err, given)
		require.Len(t, chosen, 1)
		require.Equal(t, want, chosen[0].name().String())
		require.Equal(t, chosen[0].Table, chosen[0].As)
	}
}

func TestChooseSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"custmers":         `tables: the backup has no table custmers (it has "Odd.Name", "we""ird", billing.invoices, billing.orders, customers, orders, shop.parts, store.parts)`,
		"parts":            `tables: the backup has parts in several schemas (name one of them: shop.parts, store.parts)`,
		"active_customers": `tables: public.active_customers is a view, and only tables are restored (name the tables that it reads`,
		"a.b.c":            `tables: "a.b.c" is not the name of a table (give TABLE or SCHEMA.TABLE`,
	} {
		_, err := Choose(contents(), []string{"customers", given})
		require.ErrorContains(t, err, want)
	}
	var many backup.Contents
	for i := range 100 {
		many.Schema = append(many.Schema, backup.Thing{Kind: "TABLE", Schema: "public", Name: fmt.Sprintf("t%02d", i)})
	}
	_, err := Choose(many, []string{"x"})
	require.ErrorContains(t, err, "t00, t01")
	require.ErrorContains(t, err, "t19 and 80 more")
	_, err = Choose(backup.Contents{}, []string{"x"})
	require.ErrorContains(t, err, "it has none")
}

func TestChooseNamesCopies(t *testing.T) {
	t.Parallel()
	chosen, err := Choose(contents(), []string{"orders", "customers", "billing.orders", "PUBLIC.customers"})
	require.NoError(t, err)
	names := map[string]string{}
	for _, c := range chosen {
		names[c.name().String()] = c.As
	}
	require.Equal(t, map[string]string{"public.orders": "public_orders", "public.customers": "customers", "billing.orders": "billing_orders"}, names)
	require.Equal(t, int64(7), chosen[1].Bytes)

	long := strings.Repeat("é", 31) // 62 bytes
	tables := []Table{
		{Schema: "a", Table: long},
		{Schema: "a" + long[2:], Table: long},
		{Schema: long, Table: long},
		{Schema: "a_b", Table: "c"},
		{Schema: "a", Table: "b_c"},
		{Schema: "b", Table: "c"},
		{Schema: "x", Table: "a_b_c"},
		{Schema: "y", Table: "b_c"},
	}
	nameCopies(tables)
	seen := map[string]bool{}
	for _, c := range tables {
		require.False(t, seen[c.As], "%s twice", c.As)
		require.LessOrEqual(t, len(c.As), mostIdentifier)
		require.NotEmpty(t, c.As)
		seen[c.As] = true
	}
	require.True(t, seen["a_b_c"], "a table that shares its name with none keeps it")
	require.Equal(t, "a_b_c", tables[6].As)
}

func TestSchemaName(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 19, 0, 5, 0, time.FixedZone("", 3600))
	require.Equal(t, "_tenantry_restored_20261127t180005_90abcdef", SchemaName(at, "op_0123456789ab567890abcdef"))
	require.True(t, strings.HasPrefix(SchemaName(at, "op"), tenants.LookPrefix))
}

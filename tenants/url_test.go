package tenants_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
)

const canary = "CANARYcanary"

func TestSplitURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"postgres://u:p@h:5432/d?sslmode=require":     {"postgres://u@h:5432/d?sslmode=require", "p"},
		"postgresql://u:p%40%2F%3A@[::1]/d":           {"postgresql://u@[::1]/d", "p@/:"},
		"postgres://h/d":                              {"postgres://h/d", ""},
		"postgres://u@h/d?password=p&sslmode=disable": {"postgres://u@h/d?sslmode=disable", "p"},
		"postgres://u:@h/d":                           {"postgres://u@h/d", ""},
	} {
		bare, password, err := tenants.SplitURL(raw)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{bare, password}, raw)
	}
}

// People paste passwords that need escaping into URLs. Whatever comes of it, the password is not shown.
func FuzzURLsKeepThePassword(f *testing.F) {
	for _, around := range [][2]string{
		{"", ""},
		{"/", ""},
		{"", "/"},
		{"12/", ""},
		{"12?", ""},
		{"12#", ""},
		{"@", "@"},
		{":", ""},
		{"%", ""},
		{"", "%zz"},
		{"[", "]"},
		{" ", ""},
		{"\x00", ""},
		{"\\", ""},
		{"ä", "ß"},
		{"=", "&"},
		{"1,", ""},
		{"'", `"`},
		{"", ";"},
		{"&", ""},
	} {
		f.Add("postgres://user:", around[0], around[1], "@127.0.0.1:1/db")
		f.Add("postgres://127.0.0.1:1/db?password=", around[0], around[1], "")
		f.Add("host=127.0.0.1 password=", around[0], around[1], " dbname=x")
		f.Add("user:", around[0], around[1], "@127.0.0.1")
	}
	f.Fuzz(func(t *testing.T, before, left, right, after string) {
		if strings.Contains(before+left+right+after, canary) {
			return
		}
		raw := before + left + canary + right + after
		// Only what stands where a password does is kept a secret.
		if !strings.HasPrefix(raw, "postgres://user:"+left+canary) && !strings.Contains(raw, "password="+left+canary) && !strings.HasPrefix(raw, "user:"+left+canary) {
			return
		}
		bare, _, err := tenants.SplitURL(raw)
		if err != nil {
			require.NotContains(t, err.Error(), canary)
			return
		}
		escaped := strings.HasSuffix(before, "/db?password=") && !strings.ContainsAny(left, "&#")
		if strings.HasPrefix(raw, "postgres://user:") && strings.Contains(after, "@") || escaped {
			require.NotContains(t, bare, canary, "%q", raw)
		}
		if _, err := pgx.ParseConfig(raw); err != nil {
			require.NotContains(t, tenants.RedactURLError(err).Error(), canary)
		}
		if _, err := url.Parse(raw); err != nil {
			require.NotContains(t, tenants.RedactURLError(err).Error(), canary)
		}
	})
}

func TestRedactedErrorsOfURLs(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"postgres://user:" + canary + "/x@h/d", "postgres://user:%zz" + canary + "@h/d", "postgres://u:p@h:" + canary + "/d", ":" + canary} {
		_, err := url.Parse(raw)
		require.ErrorContains(t, err, canary, "the test's premise")
		require.NotContains(t, tenants.RedactURLError(err).Error(), canary)
		_, err = pgx.ParseConfig(raw)
		require.Error(t, err)
		require.NotContains(t, tenants.RedactURLError(err).Error(), canary)
	}
}

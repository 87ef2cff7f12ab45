package retention_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/tenants/backup/retention"
)

func TestRules(t *testing.T) {
	t.Parallel()
	rules := retention.Rules{
		Fleet: retention.Policy{Daily: 7},
		Rules: []retention.Rule{
			{Labels: map[string]string{"plan": "enterprise"}, Policy: retention.Policy{Daily: 30, Yearly: 7}},
			{Labels: map[string]string{"plan": "enterprise", "region": "eu"}, Policy: retention.Policy{Monthly: 24}},
			{Labels: map[string]string{"region": ""}, Policy: retention.Policy{Last: 9}},
			{Tenant: "tnt_1", Policy: retention.Policy{Last: 1}},
		},
	}
	for _, z := range []struct {
		tenant string
		labels map[string]string
		want   retention.Policy
		from   string
	}{
		{"tnt_2", nil, retention.Policy{Daily: 7}, "the setting backup_retention"},
		{"tnt_2", map[string]string{"plan": "free"}, retention.Policy{Daily: 7}, "the setting backup_retention"},
		{"", map[string]string{"plan": "free"}, retention.Policy{Daily: 7}, "the setting backup_retention"},
		{"tnt_2", map[string]string{"plan": "enterprise"}, retention.Policy{Daily: 30, Yearly: 7}, "of plan=enterprise"},
		{
			"tnt_2",
			map[string]string{"plan": "enterprise", "region": "eu", "size": "l"},
			retention.Policy{Daily: 30, Yearly: 7, Monthly: 24},
			"of plan=enterprise and plan=enterprise,region=eu",
		},
		{"tnt_2", map[string]string{"region": ""}, retention.Policy{Last: 9}, "of region="},
		{"tnt_1", map[string]string{"plan": "enterprise"}, retention.Policy{Last: 1}, "its own"},
	} {
		got, from := rules.For(z.tenant, z.labels)
		require.Equal(t, z.want, got)
		require.Equal(t, z.from, from)
	}
	require.Equal(t, "last 1, daily 2, weekly 3, monthly 4, yearly 5", retention.Policy{Last: 1, Daily: 2, Weekly: 3, Monthly: 4, Yearly: 5}.String())
	require.Equal(t, "the newest verified one", retention.Policy{}.String())
}

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := retention.Parse(`{"last": 3, "yearly": 1}`)
	require.NoError(t, err)
	require.Equal(t, retention.Policy{Last: 3, Yearly: 1}, p)
	_, err = retention.Parse(`{"last": -3}`)
	require.ErrorContains(t, err, "last: -3 is not from 0 to 10000")
	_, err = retention.Parse(`never`)
	require.ErrorContains(t, err, "never is no policy")
}

// The union of two policies keeps what either of them keeps, and nothing else.
func TestUnion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, list := genPolicy(t), genPolicy(t), genBackups(t)
		either := slices.Concat(kept(retention.Decide(a, list, time.UTC)), kept(retention.Decide(b, list, time.UTC)))
		slices.Sort(either)
		got := kept(retention.Decide(a.Union(b), list, time.UTC))
		slices.Sort(got)
		require.Equal(t, slices.Compact(either), got)
	})
}

package fingerprint_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// pg_dump -s is the oracle: each change must change what it writes and the fingerprint, and be named rightly.
func TestMutations(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	base := s.create(t, "template0", product...)
	want, wantDump := base.read(t), base.dump(t)
	require.Empty(t, fingerprint.Compare(want, want))
	require.Equal(t, want, s.create(t, base.name).read(t), "a copy differs")
	for _, m := range mutations {
		t.Run(m.sql[:min(len(m.sql), 60)], func(t *testing.T) {
			t.Parallel()
			db := s.create(t, base.name)
			db.run(t, strings.Split(m.sql, "; ")...)
			got := db.read(t)
			require.NotEqual(t, wantDump, db.dump(t), "pg_dump sees nothing")
			require.NotEqual(t, want.Sum(), got.Sum(), "the fingerprint sees nothing")
			differences := fingerprint.Compare(want, got)
			for _, d := range differences {
				require.NotEqual(t, d.Want, d.Got)
			}
			require.Contains(t, named(differences), m.want)
		})
	}
}

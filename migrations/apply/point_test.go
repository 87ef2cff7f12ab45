package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, point := range Points() {
		require.False(t, seen[point], point)
		seen[point] = true
	}
}

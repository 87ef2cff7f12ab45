package localpg

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{Dir: "d"}.WithDefaults().validate())
	for name, cfg := range map[string]Config{
		"Dir is required":   {},
		"not a TCP port":    {Dir: "d", Port: 70000},
		"is negative":       {Dir: "d", StartTimeout: -1},
		"belongs to":        {Dir: "d", Settings: map[string]string{"Port": "1"}},
		"not the name":      {Dir: "d", Settings: map[string]string{"a = 1 #": "1"}},
		"holds a line brea": {Dir: "d", Settings: map[string]string{"a": "1\nport = 2"}},
	} {
		require.ErrorContains(t, cfg.validate(), name)
	}
}

func TestSettingsOfTheCallerWin(t *testing.T) {
	t.Parallel()
	cfg := Config{Durability: Throwaway, Settings: map[string]string{"MAX_connections": "7", "fsync": "on"}}
	settings := cfg.settings()
	require.Equal(t, "7", settings["max_connections"])
	require.Equal(t, "on", settings["fsync"])
	require.Equal(t, "off", settings["full_page_writes"])
	require.NotContains(t, Config{}.settings(), "fsync")
}

func TestQuoteSetting(t *testing.T) {
	t.Parallel()
	require.Equal(t, `'it''s C:\\x'`, quoteSetting(`it's C:\x`))
}

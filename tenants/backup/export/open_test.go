package export_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
)

// installation makes the key of an installation.
func installation(t *testing.T, id string) (backup.SigningKey, backup.Trusted) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return backup.SigningKey{ID: id, Private: private}, backup.Trusted{id: public}
}

// entry is a file of a zip.
type entry struct{ name, body string }

// manifestOf describes files as an export does.
func manifestOf(files []entry) export.Manifest {
	m := export.Manifest{Format: export.ManifestFormat, RowFormat: export.CSV, Slug: "acme", Server: 150000}
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.body))
		kind := export.Readme
		if strings.HasPrefix(f.name, "data/") {
			kind = export.Rows
		}
		m.Files = append(m.Files, export.File{Path: f.name, Kind: kind, Schema: "public", Table: "t", Bytes: int64(len(f.body)), SHA256: hex.EncodeToString(sum[:])})
	}
	return m
}

func zipped(t *testing.T, files []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		in, err := w.Create(f.name)
		require.NoError(t, err)
		_, err = in.Write([]byte(f.body))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// opened is what reading a zip says: its opening, then the look at every file.
func opened(t *testing.T, trusted backup.Trusted, body []byte) error {
	t.Helper()
	r, err := export.Open(trusted, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	return r.Check(t.Context(), nil)
}

// TestHostileZips: what is not an export that was made here is refused, and the file is named.
func TestHostileZips(t *testing.T) {
	t.Parallel()
	key, trusted := installation(t, "sig_1")
	good := []entry{{"README.txt", "read me"}, {"data/public.t.csv", "a,b\n1,2\n"}}
	signed := func(m export.Manifest, by backup.SigningKey) entry {
		raw, err := m.Sign(by)
		require.NoError(t, err)
		return entry{"manifest.json", string(raw)}
	}
	with := func(files []entry, more ...entry) []byte {
		return zipped(t, append(append([]entry{}, files...), more...))
	}
	manifest := signed(manifestOf(good), key)
	require.NoError(t, opened(t, trusted, with(good, manifest)))

	stranger, _ := installation(t, "sig_1")
	unknown, _ := installation(t, "sig_2")
	newer := manifestOf(good)
	newer.Format++
	twice := manifestOf(good)
	twice.Files = append(twice.Files, twice.Files[0])
	negative := manifestOf(good)
	negative.Files[0].Bytes = -1
	for name, c := range map[string]struct {
		body []byte
		says string
	}{
		"nothing":                  {nil, "no zip"},
		"no zip":                   {[]byte(strings.Repeat("x", 1000)), "no zip"},
		"cut off":                  {with(good, manifest)[:200], "its end is missing"},
		"without a manifest":       {with(good), "has no manifest.json"},
		"manifest is no JSON":      {with(good, entry{"manifest.json", "{"}), "manifest.json"},
		"manifest is not signed":   {with(good, entry{"manifest.json", `{"format":1}`}), "manifest.json"},
		"signed by a stranger":     {with(good, signed(manifestOf(good), stranger)), "its signature does not fit"},
		"signed by an unknown key": {with(good, signed(manifestOf(good), unknown)), "not one of this installation"},
		"manifest changed":         {with(good, entry{"manifest.json", strings.Replace(manifest.body, "acme", "evil", 1)}), "its signature does not fit"},
		"a backup's manifest":      {with(good, backupManifest(t, key)), "its signature does not fit"},
		"of a newer format":        {with(good, signed(newer, key)), "use a newer one"},
		"above the folder":         {with(good, manifest, entry{"../../etc/cron.d/x", "x"}), `"../../etc/cron.d/x"`},
		"from the root":            {with(good, manifest, entry{"/etc/passwd", "x"}), `"/etc/passwd"`},
		"of Windows":               {with(good, manifest, entry{`data\..\x`, "x"}), "no file of an export is called that"},
		"deep":                     {with(good, manifest, entry{"data/a/b.csv", "x"}), `"data/a/b.csv"`},
		"a long name":              {with(good, manifest, entry{strings.Repeat("é", 10_000), "x"}), "no file of an export is called that"},
		"a folder":                 {with(good, manifest, entry{"data/", ""}), `"data/"`},
		"one more file":            {with(good, manifest, entry{"data/public.u.csv", "x"}), `"data/public.u.csv" in it: the manifest does not name it`},
		"a file twice":             {with(good, manifest, good[0]), `"README.txt" in it: it is there twice`},
		"named twice":              {with(good, signed(twice, key)), "names it twice"},
		"less than nothing":        {with(good, signed(negative, key)), `"README.txt"`},
		"a file is missing":        {with(good[:1], manifest), `"data/public.t.csv" in it: the manifest names it`},
		"another content":          {with([]entry{good[0], {"data/public.t.csv", "a,b\n1,3\n"}}, manifest), `"data/public.t.csv" in it: its checksum`},
		"another size":             {with([]entry{good[0], {"data/public.t.csv", "a,b\n1,2\n3,4\n"}}, manifest), `"data/public.t.csv" in it: it has 12 bytes`},
		"a huge manifest":          {claiming(t, "manifest.json", 129<<20), "a manifest has"},
		"a bomb":                   {bomb(t, good, manifest), `"data/public.t.csv" in it: it is damaged`},
		"damaged":                  {damaged(with(good, manifest)), `"README.txt" in it: it is damaged`},
		"a huge directory":         {hugeDirectory(t), "its directory has more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := opened(t, trusted, c.body)
			require.ErrorContains(t, err, c.says)
			require.Less(t, len(err.Error()), 1000)
		})
	}
}

func backupManifest(t *testing.T, key backup.SigningKey) entry {
	t.Helper()
	raw, err := backup.Manifest{Format: 1}.Sign(key)
	require.NoError(t, err)
	return entry{"manifest.json", string(raw)}
}

// bomb has a file that is far larger than its directory says.
func bomb(t *testing.T, files []entry, manifest entry) []byte {
	t.Helper()
	large := entry{files[1].name, strings.Repeat("a", 8<<20)}
	body := zipped(t, []entry{files[0], large, manifest})
	// The size in the directory, which is the last place that has it.
	size := binary.LittleEndian.AppendUint32(nil, 8<<20)
	at := bytes.LastIndex(body, size)
	require.Positive(t, at)
	copy(body[at:], binary.LittleEndian.AppendUint32(nil, uint32(len(files[1].body))))
	return body
}

// claiming has one file that says it is large.
func claiming(t *testing.T, name string, bytesClaimed uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	_, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: bytesClaimed})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// damaged has another byte within its first file.
func damaged(body []byte) []byte {
	body = bytes.Clone(body)
	body[30+len("README.txt")+5] ^= 0x40
	return body
}

// hugeDirectory has more files than an export can have.
func hugeDirectory(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range 1000 {
		_, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("data/%d.csv", i), Comment: strings.Repeat("x", 40_000)})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

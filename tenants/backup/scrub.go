package backup

import (
	"context"
	"fmt"
	"io"

	"github.com/avenit/tenantry/tenants/backup/archive"
)

// Scrub reads every byte of a backup, decrypts it, and adds up its rows again: all that verifying does without a server. It does not prove that it restores.
func (m Manifest) Scrub(ctx context.Context, store *Store, key TenantKey) error {
	contents, err := ReadContents(ctx, store, key, m)
	if err != nil {
		return err
	}
	return store.Read(ctx, m.Data, func(r io.Reader) error {
		return key.decrypt(r, func(r io.Reader) error {
			a, err := archive.Open(r)
			if err != nil {
				return err
			}
			sums, err := a.Sum()
			if err != nil {
				return err
			}
			tables, sequences, err := contentsOf(a.TOC, sums)
			if err != nil {
				return err
			}
			if len(tables) != len(contents.Tables) || len(sequences) != len(contents.Sequences) || sums.LargeObjects != contents.LargeObjects {
				return &CorruptError{m.Data.Key, "it holds other things than were dumped"}
			}
			for i, t := range tables {
				if t != contents.Tables[i] {
					return &CorruptError{m.Data.Key, fmt.Sprintf("rows of %s: %s instead of %s", t.name(), sumText(t.Sum), sumText(contents.Tables[i].Sum))}
				}
			}
			return nil
		})
	})
}

package backup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atManifestGone = crashpoint.New("expire.manifest.after")
	atObjectsGone  = crashpoint.New("expire.objects.after")
)

// Tidy removes what earlier attempts of a backup have left beside it.
func (s *Store) Tidy(ctx context.Context, m Manifest) error {
	return s.RemoveAll(ctx, Folder(m.Tenant, m.Backup), m.Data.Key, m.Contents.Key, ManifestKey(m.Tenant, m.Backup))
}

// Remove removes a backup: its manifest first, so that at no time something looks like a backup that is none.
func (s *Store) Remove(ctx context.Context, tenant, backup string) error {
	if err := s.Delete(ctx, ManifestKey(tenant, backup)); err != nil {
		return err
	}
	atManifestGone.Hit(ctx)
	if err := s.RemoveAll(ctx, Folder(tenant, backup)); err != nil {
		return err
	}
	atObjectsGone.Hit(ctx)
	return nil
}

// RemoveAll removes what is below a prefix, but for some. It looks afterwards: what is said to be gone is gone.
func (s *Store) RemoveAll(ctx context.Context, prefix string, but ...string) error {
	keys, err := s.keys(ctx, prefix, but)
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		if err := s.Delete(ctx, key); err != nil {
			return err
		}
	}
	left, err := s.keys(ctx, prefix, but)
	if err == nil && len(left) > 0 {
		err = &StoreError{"delete", left[0], errors.New("it is still listed")}
	}
	return err
}

func (s *Store) keys(ctx context.Context, prefix string, but []string) ([]string, error) {
	var keys []string
	err := s.List(ctx, prefix, func(key string, _ *blob.ListObject) error {
		if !slices.Contains(but, key) {
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

// Known is what the control database says of a backup whose objects are found in the store.
type Known int

const (
	// Unknown says that it has no such backup.
	Unknown Known = iota
	// Alive says that it is being made, or is there.
	Alive
	// Dead says that it failed, or was deleted.
	Dead
)

// Swept is what [Store.Sweep] has found.
type Swept struct {
	// Removed are backups of which something was left that never became one.
	Removed []string `json:"removed,omitempty"`
	// Unknown are backups with a manifest that the control database has no row of.
	Unknown []string `json:"unknown,omitempty"`
	// UploadsAborted is how many uploads were taken back that had begun and never ended.
	UploadsAborted int `json:"uploads_aborted,omitempty"`
}

// defaultSweepAfter is how old what nobody knows must be before it is removed: another installation's clock, or a row that is not visible yet, must not cost
// a backup. An upload that was begun so long ago is nobody's either: an attempt has half of that time.
const defaultSweepAfter = 24 * time.Hour

// Sweep removes what is left of backups that never became one. A backup that has a manifest and that is not known stays, and is told. known says of a tenant's
// backups, by id, what the control database knows.
func (s *Store) Sweep(ctx context.Context, known func(ctx context.Context, tenant string) (map[string]Known, error)) (Swept, error) {
	var out Swept
	tenants, err := s.folders(ctx, "tenants/")
	if err != nil {
		return out, err
	}
	for _, tenant := range tenants {
		backups, err := s.folders(ctx, tenantFolder(tenant))
		if err != nil {
			return out, err
		}
		backups = slices.DeleteFunc(backups, func(name string) bool { return !strings.HasPrefix(name, "bak_") }) // keys, and what is not ours
		if len(backups) == 0 {
			continue
		}
		states, err := known(ctx, tenant)
		if err != nil {
			return out, err
		}
		for _, backup := range backups {
			if states[backup] == Dead {
				// One that failed may be tried again since.
				if states, err = known(ctx, tenant); err != nil {
					return out, err
				}
			}
			if err := s.sweep(ctx, tenant, backup, states[backup], &out); err != nil {
				return out, err
			}
		}
	}
	out.UploadsAborted, err = s.abortUploads(ctx, "", s.sweepAfter)
	return out, err
}

func (s *Store) sweep(ctx context.Context, tenant, backup string, state Known, out *Swept) error {
	switch state {
	case Alive:
		return nil
	case Dead:
	case Unknown:
		young, manifest := false, false
		err := s.List(ctx, Folder(tenant, backup), func(key string, o *blob.ListObject) error {
			young = young || time.Since(o.ModTime) < s.sweepAfter
			manifest = manifest || key == ManifestKey(tenant, backup)
			return nil
		})
		if manifest {
			out.Unknown = append(out.Unknown, backup)
		}
		if err != nil || young || manifest {
			return err
		}
	}
	if err := s.Remove(ctx, tenant, backup); err != nil {
		return err
	}
	out.Removed = append(out.Removed, backup)
	return nil
}

// Erase removes everything of a tenant, its keys first: then what is left meanwhile is unreadable.
func (s *Store) Erase(ctx context.Context, tenant string) error {
	if err := s.RemoveAll(ctx, tenantFolder(tenant)+"keys/"); err != nil {
		return err
	}
	backups, err := s.folders(ctx, tenantFolder(tenant))
	if err != nil {
		return err
	}
	for _, backup := range backups {
		if err := s.Delete(ctx, ManifestKey(tenant, backup)); err != nil {
			return err
		}
	}
	return s.RemoveAll(ctx, tenantFolder(tenant))
}

// Count says how many objects of a tenant there are.
func (s *Store) Count(ctx context.Context, tenant string) (int, error) {
	n := 0
	err := s.List(ctx, tenantFolder(tenant), func(string, *blob.ListObject) error {
		n++
		return nil
	})
	return n, err
}

package workers

import (
	"context"
	"sync"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
)

// vault is what backups are made and restored with. It is opened when the first one needs it: a worker whose store is away does everything else.
type vault struct {
	url, binDir string
	catalog     *backup.Catalog

	mu    sync.Mutex
	store *backup.Store
	tools pgtools.Installed
}

func newVault(reg *tenants.Registry, url, binDir string) *vault {
	return &vault{url: url, binDir: binDir, catalog: backup.NewCatalog(reg)}
}

// open gives the store and the client programs.
func (v *vault) open(ctx context.Context) (*backup.Store, pgtools.Installed, error) {
	store, err := v.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tools == nil {
		if v.tools, err = pgtools.Find(ctx, v.binDir); err != nil {
			return nil, nil, err
		}
	}
	return store, v.tools, nil
}

func (v *vault) openStore(ctx context.Context) (*backup.Store, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.store == nil {
		// The store outlives the operation that opens it.
		store, err := backup.OpenStore(context.WithoutCancel(ctx), v.url)
		if err != nil {
			return nil, err
		}
		v.store = store
	}
	return v.store, nil
}

func (v *vault) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.store != nil {
		_ = v.store.Close()
	}
}

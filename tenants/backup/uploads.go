package backup

import (
	"context"
	"time"

	"gocloud.dev/blob"
)

// Place is where a store's objects lie, for what only one kind of store needs.
type Place struct {
	Bucket *blob.Bucket
	Name   string // of the bucket
	Prefix string // of every key, see the parameter prefix of [OpenStore]
}

// Aborter takes back uploads below a prefix that began longer ago than olderThan and were never ended, and says how many. Their parts cost money, and no
// listing of objects shows them.
type Aborter func(ctx context.Context, p Place, prefix string, olderThan time.Duration) (int, error)

// aborters by the scheme of the store's URL. It is written before main begins, and only read from then on.
var aborters = map[string]Aborter{}

// RegisterAborter makes an aborter known to stores of a scheme, such as s3. This package knows no cloud itself: their clients are large. Call it while the
// program initializes.
func RegisterAborter(scheme string, abort Aborter) struct{} {
	aborters[scheme] = abort
	return struct{}{}
}

// abortUploads takes back what was begun below a prefix.
func (s *Store) abortUploads(ctx context.Context, prefix string, olderThan time.Duration) (int, error) {
	if s.abort == nil {
		return 0, nil
	}
	var n int
	err := s.ask(ctx, func(ctx context.Context) error {
		var err error
		n, err = s.abort(ctx, s.place, prefix, olderThan)
		return err
	})
	if err != nil {
		return n, &StoreError{"abort uploads below", prefix, err}
	}
	return n, nil
}

const (
	// abandonTimeout bounds taking back what a write has left.
	abandonTimeout = 10 * time.Second
	// abandonTimes is how often it is looked for at most, abandonPause apart.
	abandonTimes = 5
	abandonPause = 100 * time.Millisecond
)

// abandon takes back what a write that failed has left: the client does not, once its context has ended. What it cannot take back is the sweep's.
func (s *Store) abandon(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	// A part that is on its way when an upload is aborted may begin it anew: S3 says to abort until nothing is there.
	for range abandonTimes {
		if n, err := s.abortUploads(ctx, key, 0); err != nil || n == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(abandonPause):
		}
	}
}

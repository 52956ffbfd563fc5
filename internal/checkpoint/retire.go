package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"o365-kafka-connector/internal/audit"
)

// Retire unlinks all keys of the stream, which are on one node, at once.
func (r *redisStore) Retire(ctx context.Context, s audit.Stream) error {
	keys := append(r.keys(s), r.key(s, "desired"), r.key(s, "status"))
	return r.do(ctx, "retire "+s.String(), func(ctx context.Context) error { return r.client.Unlink(ctx, keys...).Err() })
}

// Retire deletes the stream's files.
func (f *fileStore) Retire(ctx context.Context, s audit.Stream) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stream := f.stream(s)
	stream.mu.Lock()
	defer stream.mu.Unlock()
	f.desire.Lock()
	defer f.desire.Unlock()
	f.mu.Lock()
	delete(f.lines, s.Key())
	f.mu.Unlock()
	stream.forget()
	for _, path := range []string{stream.path, f.path(s, ".desired.json")} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileFault("delete "+filepath.Base(path), err)
		}
	}
	return nil
}

package secret

import (
	"log/slog"
	"sync"
)

// kept is what is read anew from files at each use, with what it was when they last made sense. Files are never watched:
// uses are rare, a mounted file is changed by swapping a link somewhere above it, and a change must not be missed.
type kept[T any] struct {
	load func() (T, error)
	same func(a, b T) bool
	log  []any // attributes that tell the files

	mu   sync.Mutex // guards the following, also while the files are read
	good T
	held bool // there is a good one
	bad  bool // it could not be used the last time
}

// read returns what the files hold, or else what they held last. It is an error only as long as they never held any.
func (k *kept[T]) read() (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh, err := k.load()
	log := slog.With(k.log...)
	switch {
	case err != nil && !k.held:
		return fresh, err
	case err != nil && !k.bad:
		k.bad = true
		log.Warn("secret file cannot be used: its last good content still counts", slog.Any("error", err))
	case err == nil:
		if k.held && !k.same(k.good, fresh) {
			log.Info("secret file has changed: its new content counts from now on")
		} else if k.bad {
			log.Info("secret file can be used again")
		}
		k.good, k.held, k.bad = fresh, true, false
	}
	return k.good, nil
}

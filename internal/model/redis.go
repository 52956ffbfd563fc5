package model

import (
	"errors"
	"fmt"
	"slices"
)

// errLost is Redis's answer to a caller that does not stand where Redis stands.
var errLost = errors.New("checkpoint was lost or rolled back")

// missing is the N of a key that is gone.
const missing = -1

// The keys of a stream.
const (
	keyState = iota
	keyLedger
	keyPending
	keyObeyed
	keyCount
)

// keys is what Redis holds of a stream. Each key carries N; the values are those of the keys.
type keys struct {
	n         [keyCount]int
	epoch     int // 0: missing, as the key of the state is
	position  int
	watermark int
	last      int // the entry of N
	writer    int // and its epoch
	state     state
}

func noKeys() keys { return keys{n: [keyCount]int{missing, missing, missing, missing}} }

// lose deletes one key.
func (k *keys) lose(key int) { k.mix(key, noKeys()) }

// mix puts one key of another time in place.
func (k *keys) mix(key int, from keys) {
	k.n[key] = from.n[key]
	switch key {
	case keyState:
		k.epoch, k.position, k.watermark, k.last = from.epoch, from.position, from.watermark, from.last
		k.state.snapshot, k.writer = from.state.snapshot, from.writer
	case keyLedger:
		k.state.done = from.state.done
	case keyPending:
		k.state.pending = from.state.pending
	case keyObeyed:
		k.state.desired = from.state.desired
	}
}

// redis runs each script as a whole.
type redis struct {
	w        *world
	clock    int
	acquired [streams]int // the last epochs that were given out
	streams  [streams]keys
}

// guard compares the caller's epoch.
func (r *redis) guard(s, epoch int) error {
	switch stored := r.streams[s].epoch; {
	case stored == epoch:
		return nil
	case stored > epoch:
		return errFenced
	}
	return errLost
}

// stands returns the N that all keys carry.
func (r *redis) stands(s int) (int, bool) {
	k := &r.streams[s]
	if r.w.rules.oneMark {
		return k.n[keyState], k.n[keyState] != missing
	}
	for _, n := range k.n {
		if n != k.n[keyState] {
			return 0, false
		}
	}
	return k.n[keyState], k.n[keyState] != missing
}

// acquire raises the epoch. It never falls below the clock, so that no epoch comes twice.
func (r *redis) acquire(s int) int {
	k := &r.streams[s]
	r.w.changing()
	k.epoch++
	if !r.w.rules.countedEpochs {
		r.clock += 10
		k.epoch = max(k.epoch, r.clock)
	}
	r.acquired[s] = k.epoch
	return k.epoch
}

// loaded is what a take finds.
type loaded struct {
	epoch int
	ok    bool // there is something
	n     int
	keys
}

// load raises the epoch above Kafka's too, and returns what there is.
func (r *redis) load(s, epoch, kafkas int) (loaded, error) {
	if err := r.guard(s, epoch); err != nil {
		return loaded{}, err
	}
	k := &r.streams[s]
	r.w.changing()
	k.epoch = max(epoch, kafkas) + 1
	n, ok := r.stands(s)
	return loaded{epoch: k.epoch, ok: ok, n: n, keys: *k}, nil
}

// reset forgets everything but the epoch, and stands at n.
func (r *redis) reset(s, epoch, n, position int) error {
	if err := r.guard(s, epoch); err != nil {
		return err
	}
	k := keys{n: [keyCount]int{n, n, n, n}, epoch: epoch, position: position}
	k.watermark = r.w.oldest()
	if old := r.streams[s]; r.w.rules.keepOnRebuild {
		k.watermark, k.state.pending = max(k.watermark, old.watermark), old.state.pending
	}
	r.w.changing()
	r.streams[s] = k
	r.w.checkWatermark(s)
	return nil
}

// unseen returns those of the blobs that are not in the ledger.
func (r *redis) unseen(s, epoch, n int, asked blobs) (blobs, error) {
	k := &r.streams[s]
	if r.w.rules.askUnguarded {
		return asked &^ k.state.done, nil
	}
	if err := r.guard(s, epoch); err != nil {
		return 0, err
	}
	if at, ok := r.stands(s); !r.w.rules.epochOnly && (!ok || at != n) {
		return 0, errLost
	}
	return asked &^ k.state.done, nil
}

// apply stores an entry that follows upon N.
func (r *redis) apply(s, epoch int, e entry, position int) error {
	if err := r.guard(s, epoch); err != nil && !r.w.rules.noEpoch {
		return err
	}
	at, ok := r.stands(s)
	unchecked := r.w.rules.applyAny || r.w.rules.epochOnly
	switch {
	case !ok && !unchecked:
		return errLost
	case at == e.n && r.streams[s].last == e.id:
		return nil
	case at != e.n-1 && !unchecked:
		return errLost
	}
	k := &r.streams[s]
	r.w.changing()
	k.state = k.state.with(e)
	k.watermark = max(k.watermark, e.watermark)
	k.position, k.last, k.writer = position, e.id, e.epoch
	k.n = [keyCount]int{e.n, e.n, e.n, e.n}
	r.w.checkFold(s, false)
	r.w.checkWatermark(s)
	return nil
}

// advance moves the watermark.
func (r *redis) advance(s, epoch, n, watermark int) error {
	if err := r.guard(s, epoch); err != nil {
		return err
	}
	if at, ok := r.stands(s); !r.w.rules.advanceAnyN && (!ok || at != n) {
		return errLost
	}
	k := &r.streams[s]
	if slices.Contains(k.n[:], missing) {
		return errLost
	}
	r.w.changing()
	k.watermark = max(k.watermark, watermark)
	r.w.checkWatermark(s)
	return nil
}

// String tells what was found.
func (l loaded) String() string {
	if !l.ok {
		return fmt.Sprintf("nothing usable, N = %v; epoch %d", l.keys.n, l.epoch)
	}
	return fmt.Sprintf("N = %d, position %d, watermark %d, %s; epoch %d", l.n, l.position, l.watermark, l.state, l.epoch)
}

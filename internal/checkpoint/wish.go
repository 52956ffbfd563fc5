package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	wishAge      = 15 * 24 * time.Hour // of a back-fill in a wish: twice as long as there is anything to read, at least
	maxBackfills = 100                 // in a wish, and in a checkpoint
	maxOutages   = 100                 // in a wish
	changeTries  = 100
)

// errChanged means that somebody else changed the wish.
var errChanged = errors.New("wish was changed meanwhile")

// wishes reads and writes the wish of one stream during one call.
type wishes struct {
	read func() (string, error)       // empty if there is none
	swap func(old, next string) error // errChanged if what is stored is not the old one
}

func readWish(w wishes) (audit.Wish, error) {
	text, err := w.read()
	if err != nil {
		return audit.Wish{}, err
	}
	return decodeWish(text, time.Now())
}

// changeWish tries until nobody comes between. Of those who try at a time one succeeds.
func changeWish(w wishes, change func(*audit.Wish)) error {
	for range changeTries {
		err := changeOnce(w, change)
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("%w %d times in a row: try again", errChanged, changeTries)
}

func changeOnce(w wishes, change func(*audit.Wish)) error {
	old, err := w.read()
	if err != nil {
		return err
	}
	wish, err := decodeWish(old, time.Now())
	if err != nil {
		return err
	}
	change(&wish)
	next, err := encodeWish(wish, time.Now())
	if err != nil || next == old {
		return err
	}
	return w.swap(old, next)
}

func decodeWish(text string, now time.Time) (audit.Wish, error) {
	var w audit.Wish
	if text == "" {
		return w, nil
	}
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return audit.Wish{}, fault(fmt.Errorf("decode wish: %w", err), "another program wrote it: delete the stream's key "+
			"\"desired\" (or file .desired.json) and ask again for what is wanted (pause, stop, back-fills)")
	}
	w.Backfills = currentBackfills(w.Backfills, now)
	return w, nil
}

func encodeWish(w audit.Wish, now time.Time) (string, error) {
	w.Since = w.Since.UTC()
	if w.Watermark != nil {
		move := *w.Watermark
		move.To, move.Until = move.To.UTC(), move.Until.UTC()
		w.Watermark = &move
	}
	w.Backfills = slices.Clone(w.Backfills)
	for i := range w.Backfills {
		b := &w.Backfills[i]
		if b.ID == "" {
			return "", errors.New("change wish: a back-fill has no id")
		}
		if b.Asked.IsZero() {
			b.Asked = now
		}
		b.From, b.To, b.Asked = b.From.UTC(), b.To.UTC(), b.Asked.UTC()
	}
	w.Outages = boundOutages(w.Outages)
	w.Backfills = currentBackfills(w.Backfills, now)
	if len(w.Backfills) > maxBackfills {
		return "", fmt.Errorf("change wish: %d back-fills, at most %d wait at a time: wait until some have ended",
			len(w.Backfills), maxBackfills)
	}
	text, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encode wish: %w", err)
	}
	return string(text), nil
}

// boundOutages lets the oldest ones become one when there are too many.
func boundOutages(list []audit.Outage) []audit.Outage {
	more := len(list) - maxOutages
	if more <= 0 {
		return list
	}
	out := slices.Clone(list[more:])
	out[0].From = list[0].From
	return out
}

// currentBackfills leaves out what is too old, and keeps the last one of those with the same id.
func currentBackfills(list []audit.Backfill, now time.Time) []audit.Backfill {
	var out []audit.Backfill
	at := make(map[string]int, len(list))
	for _, b := range list {
		if now.Sub(b.Asked) > wishAge {
			continue
		}
		if i, twice := at[b.ID]; twice {
			out[i] = b
			continue
		}
		at[b.ID] = len(out)
		out = append(out, b)
	}
	return out
}

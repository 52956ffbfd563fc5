package checkpoint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// backfillAge is how long the progress of a back-fill is kept after its end: longer than a wish keeps the back-fill, so
// that none is done twice.
const backfillAge = 30 * 24 * time.Hour

func storeBackfill(p audit.BackfillProgress) audit.BackfillProgress {
	p.Next, p.Started, p.Ended = p.Next.UTC(), p.Started.UTC(), p.Ended.UTC()
	return p
}

// packBackfill puts the end in front, for the script that forgets the oldest.
func packBackfill(p audit.BackfillProgress) (string, error) {
	text, err := json.Marshal(storeBackfill(p))
	if err != nil {
		return "", fmt.Errorf("encode back-fill: %w", err)
	}
	return strconv.FormatInt(micros(p.Ended), 10) + " " + string(text), nil
}

// unpackBackfill reads what packBackfill writes.
func unpackBackfill(packed string) (audit.BackfillProgress, error) {
	var p audit.BackfillProgress
	_, text, _ := strings.Cut(packed, " ")
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("decode back-fill: %w", err)
	}
	return p, nil
}

func sortBackfills(list []audit.BackfillProgress) {
	slices.SortFunc(list, func(a, b audit.BackfillProgress) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
}

// upsertBackfills does to a list what apply.lua does: it forgets what ended long ago and then, above the bound, what
// ended first. at is the entry's time in seconds.
func upsertBackfills(list, changes []audit.BackfillProgress, at int64) []audit.BackfillProgress {
	if len(changes) == 0 {
		return list
	}
	out := slices.Clone(list)
	for _, p := range changes {
		i := slices.IndexFunc(out, func(o audit.BackfillProgress) bool { return o.ID == p.ID })
		if i >= 0 {
			out[i] = p
		} else {
			out = append(out, p)
		}
	}
	ended := func(p audit.BackfillProgress) int64 {
		if p.Ended.IsZero() {
			return math.MaxInt64
		}
		return micros(p.Ended)
	}
	slices.SortFunc(out, func(a, b audit.BackfillProgress) int {
		return cmp.Or(cmp.Compare(ended(a), ended(b)), cmp.Compare(a.ID, b.ID))
	})
	cutoff := (at - int64(backfillAge/time.Second)) * int64(time.Second/time.Microsecond)
	out = slices.DeleteFunc(out, func(p audit.BackfillProgress) bool { return ended(p) < cutoff })
	return out[max(0, len(out)-maxBackfills):]
}

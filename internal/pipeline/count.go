package pipeline

import (
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Results in metrics.
const (
	done         = "done"
	pending      = "pending"
	deadLettered = "dead_lettered"
	published    = "published"
	filtered     = "filtered"
	duplicate    = "duplicate"
)

// count tells the board and the metrics what a commit did.
func (w *run) count(group []outcome, gaps []audit.Gap, receipt audit.Receipt) {
	now := time.Now()
	records := 0
	for _, o := range group {
		switch {
		case o.failed:
			o.job.fill.fail()
		case o.job != nil && o.job.letter != nil && o.job.letter.Record:
			records += w.countRecord(o, receipt)
		case o.batch != nil:
			records += o.batch.Records()
			o.job.fill.count(o.batch.Records())
			w.Meter.Blob(w.Stream, done)
			w.countFiltered(o.filtered)
			w.Meter.Records(w.Stream, duplicate, o.duplicates)
			w.Meter.Undecided(w.Stream, o.undecided)
			if o.job.letter == nil {
				w.Meter.Published(w.Stream, since(now, o.job.blob.Created), since(now, o.batch.Oldest))
			}
		case o.pending != nil:
			w.Meter.Blob(w.Stream, pending)
		case o.dead != nil:
			w.Meter.Blob(w.Stream, deadLettered)
			w.Meter.DeadLetter(w.Stream, o.dead.Cause)
			w.report.log.Warn("blob became a dead letter", "content_id", o.dead.Blob.ID, "cause", string(o.dead.Cause),
				"error", o.dead.Error, "attempts", o.dead.Attempts)
		}
	}
	for _, g := range gaps {
		if w.report.closes(g) {
			continue // it was counted when it opened
		}
		w.Meter.Gap(w.Stream, g.Cause)
	}
	w.report.gap(gaps)
	for _, l := range receipt.Refused {
		w.Meter.DeadLetter(w.Stream, l.Cause)
		w.report.log.Warn("record became a dead letter", "content_id", l.Blob.ID, "record_id", l.RecordID,
			"cause", string(l.Cause), "error", l.Error)
	}
	refused := distinct(receipt.Refused)
	records -= refused
	w.Meter.Records(w.Stream, published, records)
	w.Meter.Records(w.Stream, deadLettered, refused)
	w.report.published(records)
}

// countRecord counts a single record that was a dead letter, and returns how many are published.
func (w *run) countRecord(o outcome, receipt audit.Receipt) int {
	if o.dead != nil {
		w.Meter.DeadLetter(w.Stream, o.dead.Cause)
		w.report.log.Warn("record is a dead letter again", "content_id", o.dead.Blob.ID, "ordinal", o.dead.Ordinal,
			"cause", string(o.dead.Cause), "error", o.dead.Error, "attempts", o.dead.Attempts)
		return 0
	}
	if slices.ContainsFunc(receipt.Refused, func(d audit.DeadLetter) bool {
		return d.Takes(o.job.letter.DeadLetter)
	}) {
		o.job.redrive.refused.Add(1)
	}
	return o.batch.Records()
}

func (w *run) countFiltered(f filtering) {
	w.Meter.Records(w.Stream, filtered, f.records)
	for rule, n := range f.rules {
		w.Meter.Filtered(w.Stream, rule, n)
	}
	w.report.filtered(f.rules)
}

// distinct counts the records of dead letters, of which one record may have several.
func distinct(letters []audit.DeadLetter) int {
	type place struct {
		blob    string
		ordinal int
	}
	seen := map[place]bool{}
	for _, l := range letters {
		seen[place{l.Blob.ID, l.Ordinal}] = true
	}
	return len(seen)
}

func since(now, t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(now.Sub(t), 0)
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/internal/audit"
)

// maxPending is how many pending blobs a stream may have before its windows wait.
const maxPending = 1000

// page is how many blobs are looked up in the ledger at once.
const page = 500

// What planners answer each other beside faults.
var (
	errGivenUp = errors.New("blob was given up")    // without a result: the run is ending
	errReplan  = errors.New("window is refused")    // the window has to be planned anew, by the service's clock
	errOpen    = errors.New("blobs are on the way") // the window is listed, and not done
)

// cover lists a window and has every blob of it worked on that nobody has worked on yet. Where a listing is too slow,
// it goes on in parts of half the length. After each part it calls listed with the tally of its blobs and its end: nil
// means that all of them have a result.
func (w *run) cover(ctx context.Context, window audit.Window, s search, listed func(*tally, time.Time) error) error {
	part := window
	for !part.Empty() {
		s.tally = &tally{}
		err := w.listAndOffer(ctx, part, s)
		if err == nil {
			if err := listed(s.tally, part.End); err != nil {
				return err
			}
			part = audit.Window{Start: part.End, End: earliest(part.End.Add(part.Duration()), window.End)}
			continue
		}
		f, ok := errors.AsType[*audit.Fault](err)
		if ctx.Err() != nil || !ok {
			return errors.Join(ctx.Err(), err)
		}
		switch {
		case f.Cause == audit.CauseWindow:
			return errReplan
		case f.Cause == audit.CauseTooSlow && part.Duration() > minSpan:
			part = part.Halve()
		}
	}
	return nil
}

// listAndOffer lists and offers at the same time. A listing that breaks off does not break off the offer: other
// planners may wait for blobs that were claimed here.
func (w *run) listAndOffer(ctx context.Context, window audit.Window, s search) error {
	blobs := make(chan audit.Blob, page)
	lctx, stop := context.WithCancel(ctx)
	defer stop()
	var listing errgroup.Group
	listing.Go(func() error {
		defer close(blobs)
		s.fill.asked()
		return w.list(lctx, window, s, blobs)
	})
	err := w.offer(ctx, blobs, s)
	stop()
	if listed := listing.Wait(); err == nil {
		err = listed
	}
	return err
}

// list pulls a listing. After a fault it waits and asks for the same page again, unless the window has to be listed
// anew.
func (w *run) list(ctx context.Context, window audit.Window, s search, out chan<- audit.Blob) error {
	if err := w.hold.wait(ctx); err != nil {
		return err
	}
	wide := audit.Window{Start: window.Start.Add(-edge), End: window.End}
	var skips []audit.Gap
	if s.fill == nil {
		skips = w.memory.skips(w.ledger.at())
	}
	failed := false
	for b, err := range w.source(s.slots).List(ctx, w.Stream, wide) {
		if err == nil {
			if failed { // the page came in the end: the next outage starts with short pauses again
				failed = false
				w.hold.clear()
				w.report.OK(PartList)
			}
			if b.Created.IsZero() {
				b.Created = window.Start // unreadable: better taken than lost
			}
			if b.Created.Before(window.Start) || skipped(b, skips) {
				continue
			}
			select {
			case out <- b:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = true
		if err := w.afterListFault(ctx, audit.AsFault(err, audit.CauseTransport)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.hold.clear()
	w.report.OK(PartList)
	w.report.listed()
	return nil
}

// afterListFault waits as the fault asks for. Nil means: pull on. A fault that makes the window void is returned.
func (w *run) afterListFault(ctx context.Context, f *audit.Fault) error {
	if w.stopping && f.Cause == audit.CauseSubscription {
		return errOff
	}
	w.report.Fault(PartList, f)
	w.hold.raise(f)
	switch f.Cause {
	case audit.CausePage, audit.CauseTooSlow, audit.CauseWindow:
		return fmt.Errorf("list blobs: %w", f)
	case audit.CauseSubscription:
		if err := w.subscribe(ctx); err != nil {
			return err
		}
		return fmt.Errorf("list blobs: %w", f)
	default:
		return w.hold.wait(ctx)
	}
}

// offer claims the listed blobs, drops what is done already and assigns the rest to the workers. It takes as many
// at once as there are, to ask the ledger rarely and still pass on the first of a slow listing at once.
func (w *run) offer(ctx context.Context, in <-chan audit.Blob, s search) error {
	for b := range in {
		blobs := []audit.Blob{b}
		for more := true; more && len(blobs) < page; {
			select {
			case b, more = <-in:
				if more {
					blobs = append(blobs, b)
				}
			default:
				more = false
			}
		}
		if err := w.room(ctx); err != nil {
			return err
		}
		if err := w.offerPage(ctx, blobs, s); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (w *run) offerPage(ctx context.Context, blobs []audit.Blob, s search) error {
	claimed := map[audit.Hash]audit.Blob{}
	hashes := make([]audit.Hash, 0, len(blobs))
	for _, b := range blobs {
		if h := b.Hash(); w.claim(h, s) {
			claimed[h] = b
			hashes = append(hashes, h)
		}
	}
	unseen, err := w.unseen(ctx, hashes, s.fill)
	todo := map[audit.Hash]bool{}
	for _, h := range unseen {
		todo[h] = true
	}
	for _, h := range hashes {
		if !todo[h] {
			w.settleJob(job{blob: claimed[h], fill: s.fill}, err == nil)
		}
	}
	for i, h := range unseen {
		if err := w.assign(ctx, job{blob: claimed[h], fill: s.fill, slots: s.slots}); err != nil {
			for _, rest := range unseen[i:] {
				w.settleJob(job{blob: claimed[rest], fill: s.fill}, false)
			}
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("ask ledger: %w", err)
	}
	return nil
}

// search is who a listing is for. The zero value is the stream itself.
type search struct {
	tally *tally
	fill  *filling      // the back-fill that it works for
	slots chan struct{} // its share of the workers, who take what has none first; nil: all
}

// source is whom to ask on behalf of what has a share of the workers, or of all others.
func (w *run) source(slots chan struct{}) Source {
	if slots != nil && w.Background != nil {
		return w.Background
	}
	return w.Source
}

// claim reports whether the caller has to fetch the blob now.
func (w *run) claim(h audit.Hash, s search) bool {
	if s.fill.aside() {
		return s.fill.claim(h, s.tally)
	}
	return w.claims.claim(h, s.tally)
}

// unseen returns those of the hashes that have to be published.
func (w *run) unseen(ctx context.Context, hashes []audit.Hash, f *filling) ([]audit.Hash, error) {
	if f.again() {
		return hashes, nil
	}
	return w.ledger.unseen(ctx, hashes)
}

// skipped reports whether an operator wants nobody to read the blob.
func skipped(b audit.Blob, skips []audit.Gap) bool {
	for _, g := range skips {
		if !b.Created.Before(g.From) && b.Created.Before(g.To) {
			return true
		}
	}
	return false
}

// assign hands a claimed blob to a worker.
func (w *run) assign(ctx context.Context, j job) error {
	queue := w.work
	if j.slots != nil {
		queue = w.spare
		select {
		case j.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case queue <- j:
		return nil
	case <-ctx.Done():
		j.release()
		return ctx.Err()
	}
}

// room waits while too many blobs are pending.
func (w *run) room(ctx context.Context) error {
	for {
		_, pending, changed := w.claims.counts()
		if pending < maxPending || w.stopping {
			w.report.OK(PartPending)
			return nil
		}
		w.report.Fault(PartPending, &audit.Fault{
			Cause: audit.CauseServer, Scope: audit.OfStream, Err: fmt.Errorf("%d blobs are pending: new ones wait", pending),
			Hint: "most blobs fail; see the last errors, and Microsoft's service health",
		})
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

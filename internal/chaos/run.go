package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what is run.
type Options struct {
	Seed       uint64
	Duration   time.Duration // of the faults; the start before and the settling behind are not counted
	Connectors int           // default 3
	Rate       float64       // records per second; default 60
	Backlog    int           // records that are there at the start; default 1500
	Delivery   string        // kafka.delivery; default exactly-once
	Drop       bool          // dedupe.records: drop
	Connector  string        // program; empty: it is built
	Settle     time.Duration // longest time without progress at the end; default 2 min
	Out        io.Writer     // of the timeline; nil: nobody is told
}

func (o *Options) setDefaults() {
	if o.Connectors == 0 {
		o.Connectors = 3
	}
	if o.Rate == 0 {
		o.Rate = 60
	}
	if o.Backlog == 0 {
		o.Backlog = 1500
	}
	if o.Delivery == "" {
		o.Delivery = "exactly-once"
	}
	if o.Settle == 0 {
		o.Settle = 2 * time.Minute
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
}

// Report is what a run found.
type Report struct {
	Seed    uint64
	Took    time.Duration
	Faults  map[string]int // by kind
	Starts  int            // of connector processes
	Fallen  int            // of those, ended by themselves
	Verdict Verdict
	Story   string // what was going on around the first findings; empty: there are none
	Dir     string // logs and configurations; removed if there is nothing to look for
}

// Run starts everything, harms it for a while, repairs it, and compares. The error is that it could not be run, or that
// what was harmed did not come back.
func Run(ctx context.Context, o Options) (Report, error) {
	o.setDefaults()
	told := newTimeline(o.Out)
	r := Report{Seed: o.Seed}
	s, err := newStand(ctx, o, told)
	if err != nil {
		return r, err
	}
	r.Dir = s.dir
	err = s.play(ctx)
	r.Verdict, r.Faults, r.Took = s.verdict(), told.counts(), time.Since(told.began)
	for _, c := range s.all {
		starts, fallen := c.counts()
		r.Starts, r.Fallen = r.Starts+starts, r.Fallen+fallen
	}
	if !r.Verdict.Good() {
		r.Story = s.story(ctx, r.Verdict)
	}
	err = errors.Join(err, s.close())
	if err == nil && r.Verdict.Good() {
		err = os.RemoveAll(s.dir)
	}
	return r, err
}

// play is the run itself.
func (s *stand) play(ctx context.Context) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	s.told.note("faults begin")
	hctx, cancel := context.WithTimeout(ctx, s.options.Duration)
	defer cancel()
	g, gctx := errgroup.WithContext(hctx)
	for _, l := range s.lanes() {
		g.Go(func() error { return l.run(gctx, s.options.Seed, s.told) })
	}
	harmed := g.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.api.StopOffering()
	s.told.note("faults have ended; %d records delivered", s.checker.Total())
	settled := s.settle(ctx)
	if settled == nil {
		settled = s.rebuild(ctx)
	}
	for _, c := range s.all {
		if c.end(endSignal, 30*time.Second) {
			s.told.note("%s did not end within 30 s of SIGTERM: killed", c.name)
		}
	}
	return errors.Join(harmed, settled, s.reader.finish(ctx, s.kafka, eventTopic, letterTopic))
}

// warm waits until the connectors deliver.
func (s *stand) warm(ctx context.Context) error {
	err := until(ctx, time.Minute, "connectors deliver", func(context.Context) bool { return s.checker.Total() > 0 })
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(s.all[0].log()))
	}
	return nil
}

// settle waits until everything is delivered, as long as there is progress.
func (s *stand) settle(ctx context.Context) error {
	owed, since := -1, time.Now()
	for {
		v := s.verdict()
		if v.Owed() == 0 {
			s.told.note("everything is delivered")
			return nil
		}
		if v.Owed() != owed {
			owed, since = v.Owed(), time.Now()
		}
		if time.Since(since) > s.options.Settle || ctx.Err() != nil {
			for _, c := range s.all {
				c.signal(stacksSignal) // tells the log where it hangs
			}
			pause(ctx, time.Second)
			return errors.Join(fmt.Errorf("wait for the rest: %d are owed, and nothing came for %s", owed, s.options.Settle), ctx.Err())
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// rebuild is the last exam: everything is killed, Redis is emptied, and sweeps list everything once more. Nothing may be
// repeated.
func (s *stand) rebuild(ctx context.Context) error {
	for _, c := range s.all {
		c.kill()
	}
	i, err := s.redis.master(ctx)
	if err != nil {
		return err
	}
	s.told.note("all connectors are killed, Redis is emptied")
	if err := s.redis.clients[i].FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty Redis: %w", err)
	}
	listed := s.listings()
	for _, c := range s.all {
		if err := c.start(); err != nil {
			return err
		}
	}
	// Each stream is listed at once and in every second; a sweep is due after ten.
	err = until(ctx, 2*time.Minute, "all streams are read again", func(context.Context) bool {
		now := s.listings()
		for key, n := range now {
			if n < listed[key]+20 {
				return false
			}
		}
		return len(now) > 0
	})
	if err != nil {
		return err
	}
	return s.settle(ctx)
}

// listings counts the listings of each stream.
func (s *stand) listings() map[string]int {
	n := map[string]int{}
	for _, r := range s.api.Stats().Requests {
		if r.Operation == "content" {
			n[r.ContentType] += r.Count
		}
	}
	return n
}

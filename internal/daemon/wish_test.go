package daemon

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/emulator"
)

// operators opens the store beside a daemon, as another process does.
func (r *rig) operators(d *Daemon) checkpoint.Store {
	r.t.Helper()
	store, err := checkpoint.Open(r.t.Context(), d.config.Checkpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = store.Close() })
	return store
}

// want writes a wish and waits until it is obeyed.
func (r *rig) want(d *Daemon, store checkpoint.Store, state audit.DesiredState) audit.Checkpoint {
	r.t.Helper()
	s := audit.Stream{Tenant: d.tenants[0].config.Audit(), ContentType: audit.Exchange}
	err := store.ChangeWish(r.t.Context(), s, func(w *audit.Wish) { w.State, w.Since = state, time.Now() })
	if err != nil {
		r.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, _, err := store.Peek(r.t.Context(), s)
		if err == nil && c.Desired.State == state {
			return c
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s is not obeyed: %+v, %v; log:\n%s", state, c, err, r.log)
		}
	}
}

// TestWishesAreObeyed pauses, resumes, stops and starts a running stream through its wish.
func TestWishesAreObeyed(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 2000, Backlog: 50 * time.Minute, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange},
	})
	d := r.daemon(", content_types: [Audit.Exchange]", "")
	store := r.operators(d)
	end := r.start(d)
	r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) > 0 })
	r.want(d, store, audit.Paused)
	streams := []audit.Stream{{Tenant: d.tenants[0].config.Audit(), ContentType: audit.Exchange}}
	r.await(d, func([]audit.StreamStatus) bool {
		lines, err := store.Statuses(t.Context(), streams)
		return err == nil && lines[0].State == audit.StatePaused && lines[0].Owner == d.name
	})
	r.want(d, store, audit.Running)
	c := r.want(d, store, audit.Stopped)
	if n := records(d.Status()); n != 2000 {
		t.Errorf("%d records were published before the stop, want 2000", n)
	}
	if len(c.Gaps) != 1 || c.Gaps[0].Cause != audit.CauseStopped || !c.Gaps[0].To.IsZero() {
		t.Errorf("gaps %+v", c.Gaps)
	}
	if on, err := d.tenants[0].client.Subscribed(t.Context(), streams[0]); err != nil || on {
		t.Errorf("subscribed after the stop: %t, %v", on, err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	lines, err := store.Statuses(t.Context(), streams)
	if err != nil || lines[0].State != audit.StateUnowned {
		t.Errorf("line after the end: %+v, %v", lines, err)
	}
	d = r.daemon(", content_types: [Audit.Exchange]", "")
	r.start(d)
	r.await(d, func(streams []audit.StreamStatus) bool { return streams[0].State == audit.StateStopped })
	c = r.want(d, store, audit.Running)
	if len(c.Gaps) != 1 || c.Gaps[0].To.IsZero() {
		t.Errorf("gaps after the start %+v", c.Gaps)
	}
	if on, err := d.tenants[0].client.Subscribed(t.Context(), streams[0]); err != nil || !on {
		t.Errorf("subscribed after the start: %t, %v", on, err)
	}
}

// TestBackfillRunsBesideTheStream asks a running daemon to publish one workload of the past again, elsewhere.
func TestBackfillRunsBesideTheStream(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 1000, Backlog: 50 * time.Minute, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange},
	})
	d := r.daemon(", content_types: [Audit.Exchange]", "")
	store := r.operators(d)
	r.start(d)
	r.await(d, func(streams []audit.StreamStatus) bool { return records(streams) == 1000 })
	s := audit.Stream{Tenant: d.tenants[0].config.Audit(), ContentType: audit.Exchange}
	now := time.Now()
	err := store.ChangeWish(t.Context(), s, func(w *audit.Wish) {
		w.Backfills = append(w.Backfills,
			audit.Backfill{
				ID: "b1", From: now.Add(-time.Hour), To: now, Mode: audit.BackfillRepublish, Topic: "again",
				Filters: audit.BackfillFilters{Workloads: []string{"Exchange"}}, Asked: now,
			},
			audit.Backfill{ID: "b2", From: now.Add(-time.Hour), To: now, Mode: audit.BackfillMissing, Asked: now},
			audit.Backfill{
				ID: "b3", From: now.Add(-time.Hour), To: now, Mode: audit.BackfillRepublish,
				Filters: audit.BackfillFilters{RecordTypes: []string{"NoSuchType"}}, Asked: now,
			})
	})
	if err != nil {
		t.Fatal(err)
	}
	var c audit.Checkpoint
	r.await(d, func([]audit.StreamStatus) bool {
		w, err := store.Wish(t.Context(), s)
		c, _, _ = store.Peek(t.Context(), s)
		return err == nil && len(w.Backfills) == 0 && len(c.Backfills) == 3
	})
	want := map[string]audit.BackfillState{"b1": audit.BackfillDone, "b2": audit.BackfillDone, "b3": audit.BackfillFailed}
	for _, p := range c.Backfills {
		if p.State != want[p.ID] {
			t.Errorf("progress %+v", p)
		}
		if p.ID == "b1" && (p.Records < 900 || p.Records > 1000) || p.ID == "b2" && p.Records != 0 {
			t.Errorf("progress %+v", p)
		}
	}
}

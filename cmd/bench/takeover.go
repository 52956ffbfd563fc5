package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// group is the instances that run.
type group struct {
	*bench

	cell    cell
	api     *offering
	topic   string
	streams int
	members map[string]*process // by name
	pages   map[string]string   // the addresses of their pages
}

// measureTakeovers ends one of the instances in several ways, and measures how long it takes until all streams run again.
func (b *bench) measureTakeovers(ctx context.Context, c crowd, p *printer) error {
	e, err := b.emulator(ctx, c.backlog)
	if err != nil {
		return err
	}
	return b.withTopic(ctx, func(topic string) error {
		g := &group{
			bench: b, api: e, topic: topic, streams: c.backlog.Streams * len(c.backlog.tenants()),
			cell:    cell{role: rolePipeline, format: b.options.Format[0], compression: b.options.Compression[0], backlog: c.backlog},
			members: map[string]*process{}, pages: map[string]string{},
		}
		defer g.killAll()
		return g.takeOver(ctx, c.instances, p)
	})
}

// takeOver prints a row for each way in which an instance can end.
func (g *group) takeOver(ctx context.Context, instances int, p *printer) error {
	for i := range instances {
		if err := g.join(ctx, fmt.Sprint("instance-", i)); err != nil {
			return err
		}
	}
	if _, err := g.whole(ctx); err != nil {
		return err
	}
	const victim = "instance-0"
	p.line("\n%d instances, default timeouts\n", instances)
	p.line("| until all %d streams run again | seconds |", g.streams)
	p.line("| --- | ---: |")
	for _, way := range []struct {
		name string
		do   func() error
	}{
		{"SIGTERM", func() error { return g.leave(victim) }},
		{"one is added", func() error { return g.join(ctx, victim) }},
		{"kill -9, restarted at once", func() error { g.kill(victim); return g.join(ctx, victim) }},
		{"kill -9, not restarted", func() error { g.kill(victim); return nil }},
	} {
		began := time.Now()
		if err := way.do(); err != nil {
			return err
		}
		at, err := g.whole(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		p.line("| %s | %.1f |", way.name, at.Sub(began).Seconds())
		g.say("%d instances, %s: all streams run again after %.1f s", instances, way.name, at.Sub(began).Seconds())
	}
	return nil
}

func (g *group) join(ctx context.Context, name string) error {
	page, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	p, err := g.startInstance(ctx, g.cell, g.api, member{topic: g.topic, name: name, page: page})
	if err != nil {
		return err
	}
	g.members[name], g.pages[name] = p, page
	return nil
}

// leave tells an instance to end and does not wait.
func (g *group) leave(name string) error {
	p := g.members[name]
	g.forget(name)
	go func() { _, _ = p.end() }() // ends within endTimeout; whether it ended well is what tests are for
	return nil
}

func (g *group) kill(name string) {
	p := g.members[name]
	g.forget(name)
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

func (g *group) forget(name string) {
	delete(g.members, name)
	delete(g.pages, name)
}

func (g *group) killAll() {
	for name := range g.members {
		g.kill(name)
	}
}

// whole waits until every instance runs streams, and all of them together each stream once, and returns since when.
func (g *group) whole(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		owned, idle := 0, 0
		asked := time.Now()
		for name, page := range g.pages {
			n := g.owned(ctx, name, page)
			owned += n
			if n == 0 {
				idle++
			}
		}
		if owned == g.streams && idle == 0 {
			return asked, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return asked, fmt.Errorf("%d of %d streams have an owner: %w", owned, g.streams, context.Cause(ctx))
		}
	}
}

// owned asks an instance how many streams it runs. One that does not answer yet runs none.
func (g *group) owned(ctx context.Context, name, page string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+page+"/api/status", http.NoBody)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var status struct{ Streams []struct{ Owner string } }
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		return 0
	}
	n := 0
	for _, s := range status.Streams {
		if s.Owner == name {
			n++
		}
	}
	return n
}

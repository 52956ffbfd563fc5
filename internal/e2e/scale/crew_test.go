// Package scale tests several instances of the connector as a group: processes on a real Kafka and a real Redis, against
// an emulated Management Activity API.
package scale

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
)

func TestMain(m *testing.M) {
	// Most of the time these tests wait, so all of them run at once.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	stage.Main(m)
}

// patience is how long a busy machine may take for what is promised.
func patience(promised time.Duration) time.Duration { return promised * 3 / 2 }

// crew are the instances that run.
type crew struct {
	*stage.Stage

	t       *testing.T
	streams []string // keys of all that there are
	running map[string]*stage.Connector
}

func newCrew(t *testing.T, s *stage.Stage, streams []string) *crew {
	return &crew{Stage: s, t: t, streams: streams, running: map[string]*stage.Connector{}}
}

func (c *crew) start(instances ...string) {
	c.t.Helper()
	for _, name := range instances {
		c.running[name] = c.Stage.Start(name, "")
	}
}

// stop ends instances as an operator does, one after the other.
func (c *crew) stop(instances ...string) {
	c.t.Helper()
	for _, name := range instances {
		c.running[name].Stop()
		delete(c.running, name)
	}
}

func (c *crew) stopAll() { c.stop(slices.Sorted(maps.Keys(c.running))...) }

// kill ends an instance with kill -9 and returns how many streams it ran.
func (c *crew) kill(name string) int {
	c.t.Helper()
	held := len(c.claims()[name])
	c.running[name].Kill()
	delete(c.running, name)
	return held
}

// freeze stops an instance with SIGSTOP; the returned function lets it go on.
func (c *crew) freeze(name string) (thaw func()) {
	c.t.Helper()
	p := c.running[name]
	p.Signal(syscall.SIGSTOP)
	delete(c.running, name)
	return func() {
		p.Signal(syscall.SIGCONT)
		c.running[name] = p
	}
}

// status is what /api/status answers, as far as it matters here.
type status struct {
	Members []struct {
		ID      string
		Streams []string
	}
	Streams []struct {
		Tenant      string
		ContentType string `json:"content_type"`
		State       string
		Owner       string
		Backlog     *struct{ Hours float64 }
		LastError   *struct{ Message string } `json:"last_error"`
	}
}

func statusOf(p *stage.Connector) (s status, ok bool) {
	code, body := p.Get("/api/status")
	return s, code == 200 && json.Unmarshal(body, &s) == nil
}

// claims asks every process which streams it runs itself.
func (c *crew) claims() map[string][]string {
	all := map[string][]string{}
	for name, p := range c.running {
		s, ok := statusOf(p)
		if !ok {
			continue
		}
		all[name] = []string{}
		for _, one := range s.Streams {
			if one.Owner == name {
				all[name] = append(all[name], one.Tenant+"/"+one.ContentType)
			}
		}
		slices.Sort(all[name])
	}
	return all
}

// shared reports whether each stream is claimed by exactly one instance.
func (c *crew) shared(claims map[string][]string) bool {
	var all []string
	for _, streams := range claims {
		all = append(all, streams...)
	}
	slices.Sort(all)
	return len(claims) == len(c.running) && slices.Equal(all, c.streams)
}

// whole waits until each stream is run by exactly one instance, each of those named runs some, and returns how long that
// took.
func (c *crew) whole(limit time.Duration, busy ...string) time.Duration {
	c.t.Helper()
	began := time.Now()
	var claims map[string][]string
	c.await(limit, "each stream has one owner", func() bool {
		claims = c.claims()
		return c.shared(claims) && !slices.ContainsFunc(busy, func(name string) bool { return len(claims[name]) == 0 })
	}, func() string { return fmt.Sprint(counts(claims)) })
	return time.Since(began)
}

func counts(claims map[string][]string) map[string]int {
	n := map[string]int{}
	for name, streams := range claims {
		n[name] = len(streams)
	}
	return n
}

// agreed waits until /api/status of every instance tells the same of the group as the instances do of themselves.
func (c *crew) agreed() {
	c.t.Helper()
	want := fmt.Sprint(c.claims())
	c.await(20*time.Second, "all instances tell the same of the group", func() bool {
		for _, p := range c.running {
			told := map[string][]string{}
			s, _ := statusOf(p)
			for _, m := range s.Members {
				told[m.ID] = slices.Sorted(slices.Values(m.Streams))
			}
			if fmt.Sprint(told) != want {
				return false
			}
			for _, one := range s.Streams {
				if !slices.Contains(told[one.Owner], one.Tenant+"/"+one.ContentType) {
					return false
				}
			}
		}
		return true
	}, func() string { return want })
}

// await waits for a condition while all instances run on.
func (c *crew) await(limit time.Duration, what string, is func() bool, more func() string) {
	c.t.Helper()
	c.Until(limit, what, func() bool {
		for _, p := range c.running {
			p.MustRun()
		}
		if is() {
			return true
		}
		time.Sleep(30 * time.Millisecond)
		return false
	}, func() string {
		text := ""
		if more != nil {
			text = more()
		}
		for name, p := range c.running {
			text += "\n" + name + ":\n" + p.Tail()
		}
		return text
	})
}

// tell prints how long something took, and fails the test if it took far longer than promised.
func (c *crew) tell(what string, took, promised time.Duration) {
	c.t.Helper()
	note := ""
	if took > promised {
		note = ", which was MISSED"
	}
	c.t.Logf("%-55s %6.2f s, promised are %s%s", what, took.Seconds(), promised, note)
	if took > patience(promised) {
		c.t.Errorf("%s: took %s, promised are %s", what, took, promised)
	}
}

// metric is the value of a gauge or counter without labels, or the sum over all labels.
func metric(p *stage.Connector, name string) float64 {
	_, body := p.Get("/metrics")
	sum := 0.0
	for _, line := range regexp.MustCompile(`(?m)^`+name+`(\{.*\})? (\S+)$`).FindAllStringSubmatch(string(body), -1) {
		value, _ := strconv.ParseFloat(line[2], 64)
		sum += value
	}
	return sum
}

// tenants writes the configuration of tenants.
func tenants(ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(stage.Tenant(id, "tenant-"+id[:4]))
	}
	return b.String()
}

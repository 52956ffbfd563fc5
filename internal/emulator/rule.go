package emulator

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
)

// rule is a fault in force, with what it has done so far.
type rule struct {
	fault   Fault
	matched int
	fired   int
	burst   int
}

// ruleBook holds the faults in force.
type ruleBook struct {
	mu     sync.Mutex
	rules  []*rule
	random *rand.Rand
}

func newRuleBook(seed uint64, faults []Fault) *ruleBook {
	b := &ruleBook{random: rand.New(rand.NewPCG(seed, 11))}
	b.set(faults)
	return b
}

func (b *ruleBook) set(faults []Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules = nil
	for _, f := range faults {
		b.rules = append(b.rules, &rule{fault: f})
	}
}

func (b *ruleBook) add(faults []Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range faults {
		b.rules = append(b.rules, &rule{fault: f})
	}
}

func (b *ruleBook) faults() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Fault
	for _, r := range b.rules {
		all = append(all, r.fault)
	}
	return all
}

func (b *ruleBook) json() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []faultWire{}
	for _, r := range b.rules {
		w := r.fault.wire()
		w.Matched, w.Fired = r.matched, r.fired
		all = append(all, w)
	}
	return json.MarshalIndent(all, "", "  ")
}

// fire asks whether a fault of the kind hits the request, and counts the request.
func (b *ruleBook) fire(kind Kind, c *call) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rules {
		if r.fault.Kind != kind || !r.fault.concerns(c) {
			continue
		}
		r.matched++
		if r.hits(b.random) {
			r.fired++
			f := r.fault
			return &f
		}
	}
	return nil
}

// blobFault returns the fault of a kind that is about blobs, if one is set for the stream.
func (b *ruleBook) blobFault(kind Kind, s *stream) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rules {
		if r.fault.Kind == kind && r.fault.isAbout(s.tenant.ID, s.contentType) {
			f := r.fault
			return &f
		}
	}
	return nil
}

func (r *rule) hits(random *rand.Rand) bool {
	if r.burst > 0 {
		r.burst--
		return true
	}
	n := r.matched - 1 - r.fault.After
	if n < 0 || r.fault.First > 0 && n >= r.fault.First {
		return false
	}
	if p := r.fault.Probability; p > 0 && random.Float64() >= p {
		return false
	}
	r.burst = max(0, r.fault.Burst-1)
	return true
}

func (f Fault) isAbout(tenant, contentType string) bool {
	return (f.Tenant == "" || strings.EqualFold(f.Tenant, tenant)) &&
		(f.ContentType == "" || strings.EqualFold(f.ContentType, contentType))
}

func (f Fault) concerns(c *call) bool {
	if !f.isAbout(c.tenantID, c.contentType) {
		return false
	}
	if f.MinWindow > 0 && (!c.listing() || c.window.length() < f.MinWindow) {
		return false
	}
	switch f.Operation {
	case "":
		return (kinds[f.Kind] == ofTokens) == (c.operation == opToken || c.operation == opAuthorize)
	case opContent:
		return c.operation == opContent || c.operation == opPage
	default:
		return f.Operation == c.operation
	}
}

// picks tells whether a fault about blobs hits this one. A nil fault hits none.
func (f *Fault) picks(s *stream, blob int) bool {
	if f == nil || blob < f.After || f.First > 0 && blob >= f.After+f.First {
		return false
	}
	return f.Probability == 0 || fraction(mix(s.key^hashText(string(f.Kind))+uint64(blob))) < f.Probability
}

package control

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// deployment makes up a group: members and the tenants that each is configured for.
type deployment struct {
	*rand.Rand
	partitions int
	members    []candidate
}

func anyGUID(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48))
}

func tenantKeys(ids ...string) []string {
	var out []string
	for _, id := range ids {
		for _, ct := range audit.ContentTypes() {
			out = append(out, id+"/"+string(ct))
		}
	}
	return out
}

func newDeployment(seed uint64) *deployment {
	return &deployment{Rand: rand.New(rand.NewPCG(seed, 1)), partitions: 12}
}

func (d *deployment) tenants(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = anyGUID(d.Rand)
	}
	return out
}

func (d *deployment) join(known []string) {
	name := fmt.Sprintf("i%d", len(d.members))
	d.members = append(d.members, candidate{id: name + "-" + anyGUID(d.Rand), instance: name, known: known})
}

// round shares out and lets every member remember what it got.
func (d *deployment) round(generation int32) map[string][]int {
	got := share(d.members, d.partitions)
	for i := range d.members {
		d.members[i].held, d.members[i].generation = got[d.members[i].id], generation
	}
	return got
}

func (d *deployment) weights() []int {
	out := make([]int, d.partitions)
	seen := map[string]bool{}
	for _, m := range d.members {
		for _, key := range m.known {
			if !seen[key] {
				seen[key] = true
				out[shardOf(key, d.partitions)]++
			}
		}
	}
	return out
}

func (d *deployment) loads(got map[string][]int) []int {
	weights := d.weights()
	var out []int
	for _, m := range d.members {
		sum := 0
		for _, p := range got[m.id] {
			sum += weights[p]
		}
		out = append(out, sum)
	}
	return out
}

func spread(list []int) int { return slices.Max(list) - slices.Min(list) }

// least finds the smallest difference between the loads that any way of sharing out has, by trying them all.
func (d *deployment) least() int {
	weights := d.weights()
	reached := map[string][]int{"": make([]int, len(d.members))}
	for _, w := range weights {
		if w == 0 {
			continue
		}
		next := map[string][]int{}
		for _, loads := range reached {
			for m := range loads {
				after := slices.Clone(loads)
				after[m] += w
				slices.Sort(after)
				next[fmt.Sprint(after)] = after
			}
		}
		reached = next
	}
	best := 1 << 30
	for _, loads := range reached {
		best = min(best, spread(loads))
	}
	return best
}

func (d *deployment) complete(t *testing.T, got map[string][]int) {
	t.Helper()
	var all []int
	for _, m := range d.members {
		if got[m.id] == nil {
			t.Fatalf("%s is not named: Kafka's client could not read its assignment", m.id)
		}
		all = append(all, got[m.id]...)
	}
	slices.Sort(all)
	for i, p := range all {
		if i != p {
			t.Fatalf("partitions are missing or given out twice: %v", all)
		}
	}
	if len(all) != d.partitions {
		t.Fatalf("%d partitions are given out", len(all))
	}
}

func TestShareIsEven(t *testing.T) {
	forced := 0
	for seed := range uint64(400) {
		d := newDeployment(seed)
		known := tenantKeys(d.tenants(1 + d.IntN(4))...)
		for range 1 + d.IntN(5) {
			d.join(known)
		}
		got := d.round(1)
		d.complete(t, got)
		loads, least := d.loads(got), d.least()
		if least > 1 {
			forced++
		}
		if spread(loads) > max(1, least) {
			t.Errorf("seed %d: loads %v of weights %v; best is a difference of %d", seed, loads, d.weights(), least)
		}
		counts := []int{}
		for _, m := range d.members {
			counts = append(counts, len(got[m.id]))
		}
		if slices.Contains(counts, 0) {
			t.Errorf("seed %d: a member has no partition: %v", seed, counts)
		}
	}
	t.Logf("in %d of 400 cases a partition forces a difference above one", forced)
}

// Members come and go, one at a time: it stays even, and hardly anything moves that need not.
func TestShareIsSticky(t *testing.T) {
	for seed := range uint64(300) {
		d := newDeployment(seed)
		known := tenantKeys(d.tenants(1 + d.IntN(6))...)
		d.join(known)
		before := d.round(1)
		for step := range int32(8) {
			gone := -1
			if n := len(d.members); n > 1 && d.IntN(2) == 0 {
				gone = d.IntN(n)
			}
			if gone >= 0 {
				d.members = slices.Delete(d.members, gone, gone+1)
			} else if len(d.members) < 5 {
				d.join(known)
			}
			after := d.round(step + 2)
			d.complete(t, after)
			loads, least := d.loads(after), d.least()
			if spread(loads) > max(1, least) {
				t.Errorf("seed %d, step %d: loads %v of %v; best is a difference of %d", seed, step, loads, d.weights(), least)
			}
			if again := share(d.members, d.partitions); cmp.Diff(after, again) != "" {
				t.Errorf("seed %d, step %d: another round with the same members moves something:\n%s", seed, step, cmp.Diff(after, again))
			}
			moved, heaviest := d.moved(before, after), slices.Max(d.weights())
			if gone < 0 { // nobody left: as much as the new one has, and what makes it even
				if most := loads[len(loads)-1] + 3*heaviest; moved > most {
					t.Errorf("seed %d, step %d: %d streams moved, at most %d had to: %v", seed, step, moved, most, loads)
				}
			}
			before = after
		}
	}
}

// moved counts the streams that left a member that is still there.
func (d *deployment) moved(before, after map[string][]int) int {
	weights := d.weights()
	sum := 0
	for id, had := range before {
		for _, p := range had {
			if _, ok := after[id]; ok && !slices.Contains(after[id], p) {
				sum += weights[p]
			}
		}
	}
	return sum
}

// What is even within one stream is left alone, even though a member has come back to its old partitions.
func TestShareMovesNothingForASmallGain(t *testing.T) {
	d := newDeployment(7)
	known := tenantKeys(d.tenants(3)...)
	d.join(known)
	d.join(known)
	before := d.round(1)
	for i := range d.members { // as after a restart: another id, and another order
		d.members[i].id = "x" + d.members[i].id
	}
	after := share(d.members, d.partitions)
	for id, had := range before {
		if diff := cmp.Diff(had, after["x"+id]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestShareDoesNotDependOnTheLeader(t *testing.T) {
	for seed := range uint64(100) {
		d := newDeployment(seed)
		ids := d.tenants(4)
		for i := range 4 {
			d.join(tenantKeys(ids[:1+(i+int(seed))%4]...))
		}
		d.round(1)
		d.members = d.members[1:]
		want := share(d.members, d.partitions)
		for range 5 {
			d.Shuffle(len(d.members), func(i, j int) { d.members[i], d.members[j] = d.members[j], d.members[i] })
			for _, m := range d.members {
				d.Shuffle(len(m.known), func(i, j int) { m.known[i], m.known[j] = m.known[j], m.known[i] })
			}
			if diff := cmp.Diff(want, share(d.members, d.partitions)); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
		}
	}
}

func TestSharePutsStreamsWhereTheyAreKnown(t *testing.T) {
	for seed := range uint64(300) {
		d := newDeployment(seed)
		ids := d.tenants(4)
		for range 2 + d.IntN(4) {
			d.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			d.join(slices.Clone(tenantKeys(ids[:d.IntN(len(ids)+1)]...)))
		}
		d.complete(t, d.round(1))
		got := d.round(2)
		d.complete(t, got)
		for _, m := range d.members {
			for _, p := range got[m.id] {
				if mine, best := d.knows(m, p), d.bestKnown(p); mine < best {
					t.Errorf("seed %d: %s has partition %d, of which it knows %d streams and another one %d", seed, m.instance, p, mine, best)
				}
			}
		}
	}
}

func (d *deployment) knows(m candidate, p int) int {
	n := 0
	for _, key := range m.known {
		if shardOf(key, d.partitions) == p {
			n++
		}
	}
	return n
}

func (d *deployment) bestKnown(p int) int {
	best := 0
	for _, m := range d.members {
		best = max(best, d.knows(m, p))
	}
	return best
}

// Two members that know nothing in common are evened out by way of a third.
func TestShareGoesByWayOfAThird(t *testing.T) {
	w := func(eligible ...[]bool) *board {
		b := &board{eligible: eligible, owner: []int{}, load: make([]int, 3), count: make([]int, 3)}
		for p := range eligible {
			b.weight, b.home, b.owner = append(b.weight, 1), append(b.home, nobody), append(b.owner, nobody)
			b.put(p, slices.Index(eligible[p], true))
		}
		return b
	}
	left, right := []bool{true, true, false}, []bool{false, true, true}
	b := w(left, left, left, left, right, right)
	b.level()
	if spread(b.load) > 0 {
		t.Errorf("loads %v", b.load)
	}
}

func TestShareAmongNobodyAndOfNothing(t *testing.T) {
	if got := share(nil, 12); len(got) != 0 {
		t.Errorf("%v", got)
	}
	d := newDeployment(1)
	d.join(nil)
	d.join(nil)
	d.complete(t, d.round(1))
	d.members[0].held = []int{99} // of a topic that had more
	d.complete(t, d.round(2))
}

func BenchmarkShare(b *testing.B) {
	d := newDeployment(1)
	d.partitions = 200
	ids := d.tenants(200)
	for i := range 20 {
		d.join(tenantKeys(ids[i:]...))
	}
	for b.Loop() {
		share(d.members, d.partitions)
	}
}

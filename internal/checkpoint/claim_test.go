package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/testbed"
)

// record is a record's identity by a number.
func record(n int) audit.Identity {
	r := audit.Record{Created: base}
	r.Fields[audit.FieldID].Text = fmt.Append(nil, "record-", n)
	return audit.IdentityOf(&r)
}

// claimsOf are claims of a blob on records, in their order.
func claimsOf(blob string, records ...int) (out []audit.Claim) {
	for i, n := range records {
		out = append(out, audit.Claim{Record: record(n), Blob: audit.HashOf(blob), Ordinal: i})
	}
	return out
}

// publisher claims and commits for one stream.
type publisher struct {
	stream audit.Stream
	handle Handle
	claims *RecordClaims
	n      int64
}

func newPublisher(t *testing.T, store Store, ct audit.ContentType) *publisher {
	t.Helper()
	s := audit.Stream{Tenant: exchange.Tenant, ContentType: ct}
	h, err := store.Acquire(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Reset(t.Context(), audit.Checkpoint{Position: -1, FirstStart: base}); err != nil {
		t.Fatal(err)
	}
	claims, ok := SharedClaims(store)
	if !ok {
		t.Fatal("the store has no claims")
	}
	return &publisher{stream: s, handle: h, claims: claims}
}

// at claims under an epoch for an entry of that time.
func (p *publisher) at(t *testing.T, at time.Time, list ...audit.Claim) []audit.Verdict {
	t.Helper()
	got, err := p.claims.Claim(t.Context(), p.stream, audit.Claims{Epoch: p.handle.Epoch(), Time: at, List: list})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// commit marks blobs as done by the entry of that time.
func (p *publisher) commit(t *testing.T, at time.Time, blobs ...string) {
	t.Helper()
	p.n++
	e := audit.Entry{N: p.n, Time: at}
	for _, b := range blobs {
		e.Done = append(e.Done, audit.HashOf(b))
	}
	apply(t, p.handle, e)
}

const (
	yes       = audit.Publish
	undecided = audit.Undecided
	no        = audit.Duplicate
)

func wantVerdicts(t *testing.T, got []audit.Verdict, want ...audit.Verdict) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func testClaims(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, store Store)
	}{
		{"DoneBlobDrops", testDoneDrops},
		{"UnfinishedBlobDropsNothing", testUnfinishedPublishes},
		{"DeadLetteredBlobDropsNothing", testLostPublishes},
		{"SecondCopyInOneCommit", testCopies},
		{"OwnClaimIsTakenAgain", testOwnClaim},
		{"StreamsAndTenants", testClaimingStreams},
		{"UndecidedTwiceInOneCommit", testUndecidedTwice},
		{"OwnClaimBehindAnother", testOwnClaimBehindAnother},
		{"LostClaimsDropNothing", testLostClaims},
		{"ManyRecords", testManyClaims},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func testDoneDrops(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	at := base.Add(123 * time.Millisecond)
	for range 2 { // the second time, the answer to the first was lost
		wantVerdicts(t, p.at(t, at, claimsOf("a", 1, 2)...), yes, yes)
	}
	p.commit(t, at, "a")
	wantVerdicts(t, p.at(t, base.Add(time.Second), claimsOf("b", 2, 3, 1)...), no, yes, no)
}

func testUnfinishedPublishes(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1)...), yes) // and the process dies
	next := newPublisher(t, store, audit.Exchange)
	at := base.Add(time.Minute)
	wantVerdicts(t, next.at(t, at, claimsOf("b", 1)...), undecided)
	wantVerdicts(t, next.at(t, at, claimsOf("b", 1)...), yes) // b has taken it over
	next.commit(t, at, "b")
	wantVerdicts(t, next.at(t, at.Add(time.Second), claimsOf("a", 1)...), no) // it is claimed by b now
}

// A blob that is lost for good is in the ledger as well, but what it had claimed was never published.
func testLostPublishes(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1)...), yes)
	p.commit(t, base.Add(time.Millisecond), "a") // by another entry
	wantVerdicts(t, p.at(t, base.Add(time.Second), claimsOf("b", 1)...), undecided)
}

func testCopies(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	list := append(claimsOf("a", 1, 2, 1), claimsOf("b", 2, 3)...)
	for range 2 {
		wantVerdicts(t, p.at(t, base, list...), yes, yes, no, no, yes)
	}
	// A part of the same commit that is claimed for later.
	wantVerdicts(t, p.at(t, base, claimsOf("c", 3, 4)...), no, yes)
}

func testOwnClaim(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1, 2)...), yes, yes)
	at := base.Add(time.Minute)
	wantVerdicts(t, p.at(t, at, claimsOf("a", 1, 2, 1)...), yes, yes, no)
	p.commit(t, at, "a")
	wantVerdicts(t, p.at(t, at.Add(time.Second), claimsOf("b", 1, 2)...), no, no)
	wantVerdicts(t, p.at(t, at.Add(time.Second), claimsOf("a", 1)...), yes) // read again after a reset
}

func testClaimingStreams(t *testing.T, store Store) {
	p, other := newPublisher(t, store, audit.Exchange), newPublisher(t, store, audit.DLP)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1, 2)...), yes, yes)
	p.commit(t, base, "a")
	at := base.Add(time.Second)
	wantVerdicts(t, other.at(t, at, claimsOf("a", 1)...), no)
	other.stream.Tenant.ID = "22222222-2222-2222-2222-222222222222"
	wantVerdicts(t, other.at(t, at, claimsOf("a", 1)...), yes)
}

func testUndecidedTwice(t *testing.T, store Store) {
	p, other := newPublisher(t, store, audit.Exchange), newPublisher(t, store, audit.DLP)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1)...), yes)
	wantVerdicts(t, other.at(t, base, claimsOf("b", 1, 2, 1)...), undecided, yes, no)
	wantVerdicts(t, other.at(t, base, claimsOf("b", 1, 2, 1)...), yes, yes, no)
}

// A commit that did not take place had claimed for one blob. The next one finds another first.
func testOwnClaimBehindAnother(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	wantVerdicts(t, p.at(t, base, append(claimsOf("a", 1), claimsOf("b", 1)...)...), yes, no)
	at := base.Add(time.Minute)
	wantVerdicts(t, p.at(t, at, append(claimsOf("b", 1), claimsOf("a", 1)...)...), no, yes)
	p.commit(t, at, "a", "b")
	wantVerdicts(t, p.at(t, at.Add(time.Second), claimsOf("c", 1)...), no)
}

func testLostClaims(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	wantVerdicts(t, p.at(t, base, claimsOf("a", 1)...), yes)
	p.commit(t, base, "a")
	if err := p.handle.Reset(t.Context(), audit.Checkpoint{Position: -1, FirstStart: base}); err != nil {
		t.Fatal(err)
	}
	wantVerdicts(t, p.at(t, base.Add(time.Second), claimsOf("b", 1)...), undecided)
}

func testManyClaims(t *testing.T, store Store) {
	p := newPublisher(t, store, audit.Exchange)
	var all []int
	for i := range 10_000 {
		all = append(all, i)
	}
	for _, v := range p.at(t, base, claimsOf("a", all...)...) {
		if v != yes {
			t.Fatal("a record was claimed before")
		}
	}
	p.commit(t, base, "a")
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	duplicates := 0
	for _, v := range p.at(t, base.Add(time.Second), claimsOf("b", append(all, 10_001, 10_002)...)...) {
		if v == no {
			duplicates++
		}
	}
	if duplicates != 10_000 {
		t.Errorf("%d of 10000 records dropped", duplicates)
	}
}

func TestClaims(t *testing.T) {
	server := testbed.Redis(t)
	testClaims(t, func(t *testing.T) Store {
		c := redisConfig(server.Addr)
		c.KeyPrefix = testbed.Name(t) + ":"
		return openStore(t, c)
	})
}

func TestClaimsInCluster(t *testing.T) {
	var addresses []string
	for _, s := range testbed.RedisCluster(t) {
		addresses = append(addresses, s.Addr)
	}
	testClaims(t, func(t *testing.T) Store {
		c := redisConfig(addresses...)
		c.Redis.Cluster = true
		c.KeyPrefix = testbed.Name(t) + ":"
		return openStore(t, c)
	})
}

func TestFileHasNoClaims(t *testing.T) {
	store := openStore(t, Config{Kind: KindFile, Path: t.TempDir()})
	if _, ok := SharedClaims(store); ok {
		t.Error("a directory has claims")
	}
}

// useClaims runs every branch of the scripts.
func useClaims(t *testing.T, store Store) error {
	claims, _ := SharedClaims(store)
	for _, blob := range []string{"a", "a", "b", "a"} {
		_, err := claims.Claim(t.Context(), exchange, audit.Claims{Time: time.Now(), List: claimsOf(blob, 1, 1)})
		if err != nil {
			return err
		}
	}
	return nil
}

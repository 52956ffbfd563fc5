package checkpoint

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"o365-kafka-connector/internal/audit"
)

//go:embed lua/claim.lua
var claimSource string

//go:embed lua/takeover.lua
var takeoverSource string

var (
	claimScript    = redis.NewScript(claimSource)
	takeoverScript = redis.NewScript(takeoverSource)
)

// ClaimAge is how long a claim is kept after its bucket was last written to.
const ClaimAge = 7 * 24 * time.Hour

const (
	claimBuckets = 1024 // for each hour of records: small hashes are what Redis stores most densely
	commitBytes  = 9    // content type (1), epoch (2), time in milliseconds (6)
	claimBytes   = commitBytes + len(audit.Hash{}) + 4
)

// RecordClaims remembers which blob published a record, for all streams of a tenant and all instances. Calls may be
// concurrent, and repeated with the same arguments.
//
// A claim names the commit that is about to publish the record: its stream, its epoch and the time of its entry. If the
// ledger holds the claim's blob with just that time, the commit took place, and the record is published. A claim that
// is lost, or whose commit is not known to have taken place, drops nothing: it costs a repetition, never a record.
type RecordClaims struct{ store *redisStore }

// SharedClaims returns the store's claims; false if the store has none.
func SharedClaims(s Store) (*RecordClaims, bool) {
	store, ok := s.(*redisStore)
	if !ok {
		return nil, false
	}
	return &RecordClaims{store: store}, true
}

// Claim claims records that a commit of the stream is about to publish, and says of each what is to become of it. A
// record that another blob holds which is not known to be done is claimed anew.
func (r *RecordClaims) Claim(ctx context.Context, s audit.Stream, c audit.Claims) ([]audit.Verdict, error) {
	asked := newClaiming(r.store.config.KeyPrefix, s, c)
	others, err := r.ask(ctx, asked)
	if err != nil || len(others) == 0 {
		return asked.verdicts, wrapClaim(s, err)
	}
	done, err := r.done(ctx, s.Tenant, others)
	if err != nil {
		return nil, wrapClaim(s, err)
	}
	return asked.verdicts, wrapClaim(s, r.takeOver(ctx, asked, asked.decide(others, done)))
}

func wrapClaim(s audit.Stream, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("claim records of %s: %w", s, err)
}

// otherClaim is a claim of another blob on a record.
type otherClaim struct {
	index int // of our own
	claim string
}

// ask claims what is free and returns what others hold.
func (r *RecordClaims) ask(ctx context.Context, c *claiming) ([]otherClaim, error) {
	var answer []string
	err := r.store.do(ctx, "ask redis", func(ctx context.Context) (err error) {
		answer, err = claimScript.Run(ctx, r.store.client, c.keys, c.args...).StringSlice()
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(answer) != 2 || len(answer[0]) != len(c.order) || len(answer[1]) != claimBytes*strings.Count(answer[0], "o") {
		return nil, redisFault("ask redis", errors.New("unknown answer of a script"))
	}
	var others []otherClaim
	for at, index := range c.order {
		switch answer[0][at] {
		case 't':
			c.verdicts[index] = audit.Duplicate
		case 'o':
			from := claimBytes * len(others)
			others = append(others, otherClaim{index, answer[1][from : from+claimBytes]})
		}
	}
	return others, nil
}

// commitOf is a claim without the place in the blob.
func commitOf(claim string) string { return claim[:commitBytes+len(audit.Hash{})] }

// done asks the ledgers, and returns the blobs that were marked by the commits that claimed for them.
func (r *RecordClaims) done(ctx context.Context, t audit.Tenant, others []otherClaim) (map[string]bool, error) {
	var asked []string
	done := map[string]bool{}
	for _, o := range others {
		if _, known := done[commitOf(o.claim)]; !known {
			done[commitOf(o.claim)] = false
			asked = append(asked, commitOf(o.claim))
		}
	}
	var answers []*redis.FloatCmd
	err := r.store.do(ctx, "ask ledgers", func(ctx context.Context) error {
		answers = answers[:0]
		_, err := r.store.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, commit := range asked {
				key := r.store.key(audit.Stream{Tenant: t, ContentType: contentTypeOf(commit[0])}, "ledger")
				answers = append(answers, p.ZScore(ctx, key, commit[commitBytes:]))
			}
			return nil
		})
		for _, a := range answers { // the pipeline tells the first error only, which may be that a blob is not there
			if a.Err() != nil && !errors.Is(a.Err(), redis.Nil) {
				return a.Err()
			}
		}
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		if a.Err() == nil {
			done[asked[i]] = a.Val() == scoreOf(asked[i])
		}
	}
	return done, nil
}

// takeOver puts our claims in the place of others', unless somebody else has by now.
func (r *RecordClaims) takeOver(ctx context.Context, c *claiming, undecided []otherClaim) error {
	for part := range slices.Chunk(undecided, 1000) {
		var keys []string
		var args []any
		for _, o := range part {
			key, record, claim := c.of(o.index)
			keys, args = append(keys, key), append(args, record, o.claim, claim)
		}
		err := r.store.do(ctx, "ask redis", func(ctx context.Context) error {
			return takeoverScript.Run(ctx, r.store.client, keys, args...).Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

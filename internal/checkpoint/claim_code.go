package checkpoint

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
)

// claiming is one call to Claim.
type claiming struct {
	prefix   string // of keys
	commit   []byte
	claims   []audit.Claim
	verdicts []audit.Verdict

	keys  []string
	args  []any
	order []int // indices of the claims, in the order of the arguments
}

func newClaiming(prefix string, s audit.Stream, c audit.Claims) *claiming {
	var number [8]byte
	commit := []byte{contentTypeCode(s.ContentType)}
	binary.BigEndian.PutUint64(number[:], uint64(c.Epoch)) //nolint:gosec // only equality counts
	commit = append(commit, number[6:]...)
	binary.BigEndian.PutUint64(number[:], uint64(c.Time.UnixMilli())) //nolint:gosec // after 1970
	commit = append(commit, number[2:]...)
	out := &claiming{
		prefix: prefix + "{" + s.Tenant.ID + "}:records:", commit: commit, claims: c.List,
		verdicts: make([]audit.Verdict, len(c.List)), args: []any{int64(ClaimAge / time.Second)},
	}
	buckets := map[uint64][]int{}
	var found []uint64
	for i, claim := range c.List {
		b := bucketOf(claim.Record)
		if _, known := buckets[b]; !known {
			found = append(found, b)
		}
		buckets[b] = append(buckets[b], i)
	}
	for _, b := range found {
		var packed []byte
		for _, i := range buckets[b] {
			packed = append(append(packed, c.List[i].Record.Hash[2:]...), out.claim(i)...)
		}
		out.keys, out.args = append(out.keys, out.key(b)), append(out.args, packed)
		out.order = append(out.order, buckets[b]...)
	}
	return out
}

func bucketOf(r audit.Identity) uint64 {
	return uint64(r.Hour)*claimBuckets + uint64(binary.BigEndian.Uint16(r.Hash[:]))%claimBuckets
}

func (c *claiming) key(bucket uint64) string {
	return c.prefix + strconv.FormatUint(bucket/claimBuckets, 36) + "." + strconv.FormatUint(bucket%claimBuckets, 36)
}

// of returns the key, the field and the value of a claim.
func (c *claiming) of(i int) (key, record, claim string) {
	r := c.claims[i].Record
	return c.key(bucketOf(r)), string(r.Hash[2:]), string(c.claim(i))
}

func (c *claiming) claim(i int) []byte {
	out := append(make([]byte, 0, claimBytes), c.commit...)
	out = append(out, c.claims[i].Blob[:]...)
	return binary.BigEndian.AppendUint32(out, uint32(c.claims[i].Ordinal)) //nolint:gosec // no blob has so many
}

// decide tells what becomes of the records that others hold, and returns the undecided ones. What the commit holds
// twice is published once.
func (c *claiming) decide(others []otherClaim, done map[string]bool) (undecided []otherClaim) {
	published := c.publishedAnyway(others)
	for _, o := range others {
		record := c.claims[o.index].Record
		if done[commitOf(o.claim)] || published[record] {
			c.verdicts[o.index] = audit.Duplicate
			continue
		}
		published[record] = true
		c.verdicts[o.index] = audit.Undecided
		undecided = append(undecided, o)
	}
	return undecided
}

// publishedAnyway returns which of the records that others hold the commit publishes from a blob that held them itself.
func (c *claiming) publishedAnyway(others []otherClaim) map[audit.Identity]bool {
	published := map[audit.Identity]bool{}
	foreign := map[int]bool{}
	for _, o := range others {
		published[c.claims[o.index].Record] = false
		foreign[o.index] = true
	}
	for i, claim := range c.claims {
		if _, asked := published[claim.Record]; asked && !foreign[i] && c.verdicts[i] == audit.Publish {
			published[claim.Record] = true
		}
	}
	return published
}

// contentTypeCode is a content type in a claim: its number, from 1, in the order of the documentation.
func contentTypeCode(t audit.ContentType) byte {
	return byte(slices.Index(audit.ContentTypes(), t) + 1) //nolint:gosec // there are five
}

// contentTypeOf reads what contentTypeCode writes; empty for anything else.
func contentTypeOf(code byte) audit.ContentType {
	all := audit.ContentTypes()
	if code < 1 || int(code) > len(all) {
		return ""
	}
	return all[code-1]
}

// scoreOf is the score that a claim's commit gives its blobs in the ledger.
func scoreOf(commit string) float64 {
	var number [8]byte
	copy(number[2:], commit[3:commitBytes])
	return ledgerScore(int64(binary.BigEndian.Uint64(number[:]))) //nolint:gosec // six bytes
}

// ledgerScore is a time of marking, in milliseconds since 1970, as the ledger has it: in seconds.
func ledgerScore(ms int64) float64 { return float64(ms) / 1000 }

// Package checkpoint remembers streams: in Redis, for any number of instances, or in a directory, for one.
//
// A stream's checkpoint is what its entries 1 to N add up to. Whoever writes to it, and whoever asks its ledger, says
// on which N it stands and with which epoch it took the stream; the store compares both in the same step in which it
// writes or answers. A higher epoch means that somebody else took the stream (audit.ErrFenced); anything else that
// does not fit, a missing key among it, means that data was lost or rolled back (audit.ErrLost). Both end the run:
// the stream has to be taken again.
//
// Every call may be repeated with the same arguments, also when the first one took effect and its answer was lost.
package checkpoint

import (
	"context"
	"crypto/rand"
	"time"

	"o365-kafka-connector/internal/audit"
)

// LedgerAge is how long the ledger keeps a blob after it was marked: a day longer than the API lists it.
const LedgerAge = 8 * 24 * time.Hour

const (
	schemaVersion = 2    // 2: a journal tells every change. Data of version 1 is raised when it is taken.
	maxGaps       = 1000 // the newest are kept
	callTimeout   = 5 * time.Second
)

// Store keeps the checkpoints of a deployment. Calls may be concurrent.
//
// Every error that comes from Redis or from the disk is an *audit.Fault with cause audit.CauseCheckpoint.
type Store interface {
	Operator
	Instances
	Documents
	// Acquire takes a stream: the epoch that it raises is the handle's. Nil means that all former handles are fenced.
	Acquire(ctx context.Context, s audit.Stream) (Handle, error)
	// Check looks for what endangers the checkpoints. An error means that the store could not be asked.
	Check(ctx context.Context) ([]Finding, error)
	// Bind ties the store to a deployment, once for all; another deployment gets a *BoundError.
	Bind(ctx context.Context, d Deployment) error
	// Bound reports whether the store is tied to the deployment: false if it is not to any yet, a *BoundError if it is
	// to another. It changes nothing.
	Bound(ctx context.Context, d Deployment) (bool, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
	// Close gives connections, files and the lock back.
	Close() error
}

// Handle reads and changes the checkpoint of one stream, as long as its epoch is the newest. Calls may be concurrent.
// Any of them may answer audit.ErrFenced or audit.ErrLost. Every other error is passing: the call may be repeated.
type Handle interface {
	// Load returns what is remembered, and raises the epoch of this handle above the one that Kafka knows, 0 if it knows
	// none: audit.ErrFenced means that somebody took the stream since Acquire. (zero, false, nil): nothing is
	// remembered. (zero, false, audit.ErrLost): something is, but part of it is missing or does not fit the rest; as
	// after nothing, Reset makes it usable again.
	Load(ctx context.Context, kafkaEpoch int64) (audit.Checkpoint, bool, error)
	// Epoch returns the handle's epoch.
	Epoch() int64
	// Reset forgets everything but the epoch and starts with what c says, in one step, its N and position included.
	// Wish and status are no part of it.
	Reset(ctx context.Context, c audit.Checkpoint) error
	// Unseen returns those of the hashes that are not in the ledger, in the same order, if the checkpoint stands at n.
	Unseen(ctx context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error)
	// Apply stores an entry whose N is one more than the stored one. The entry that was stored last is taken as
	// applied; another entry with its N, or any other N, is audit.ErrLost. Back-fills are forgotten 30 days after
	// their end; at most 100 are kept, those that ended first go first.
	Apply(ctx context.Context, e audit.Entry, position int64) error
	// Replay stores entries of the journal that follow one another, together with the progress that they tell unless
	// the stored one is further. Those up to the stored N are taken as applied; the first one that is not must be
	// the next. What is stored when an error comes is a part of them from the first on.
	Replay(ctx context.Context, entries []audit.Logged) error
	// Advance stores the progress; it never moves the watermark back.
	Advance(ctx context.Context, p audit.Progress) error
	// Release gives the stream up: nothing is written after it, not even by a call that is still under way.
	Release(ctx context.Context) error
}

// Deployment is what a set of checkpoints belongs to: they tell what one Kafka cluster has received.
type Deployment struct {
	KafkaClusterID string `json:"kafka_cluster_id"` // empty: no Kafka
	GroupID        string `json:"group_id"`
}

// Level says what a finding means for the start.
type Level string

// The levels.
const (
	Refuse  Level = "error"   // do not start
	Warning Level = "warning" // start, and say so
	Note    Level = "note"    // for diagnose
)

// Finding is one thing that Check has to say.
type Finding struct {
	Level Level
	Text  string
	Hint  string // what to do; empty for notes
}

// Open returns the store that the configuration describes. It does not connect to Redis: see Ping and Check.
// A directory is locked against other processes until Close.
func Open(_ context.Context, c Config) (Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Kind == KindFile {
		return openFile(c.Path)
	}
	return openRedis(c)
}

// newToken names one call, so that the store knows its repetition.
func newToken() string { return rand.Text() }

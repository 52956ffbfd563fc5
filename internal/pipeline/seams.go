package pipeline

import (
	"context"
	"iter"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Source reads the Management Activity API for one tenant.
//
// Every error that comes from the API or the network is an *audit.Fault. The source itself waits only for its own
// request budget: when and whether to try again is the pipeline's decision. Calls may be concurrent.
type Source interface {
	// List yields the blobs whose contentCreated lies in the window, page by page, in no particular order and
	// possibly more than once. Ending without an error means that every page was read. A yielded error does not end
	// the listing: to go on pulling is to try the same page again; to stop pulling is to give up. After a fault with
	// cause CausePage, CauseTooSlow or CauseWindow the window must be listed anew, and List ends by itself.
	List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error]

	// Fetch asks for a blob and returns once the answer's header is there. The caller closes the content.
	Fetch(ctx context.Context, s audit.Stream, b audit.Blob) (Content, error)

	// Subscribed reports whether the stream's subscription is enabled at Microsoft.
	Subscribed(ctx context.Context, s audit.Stream) (bool, error)

	// Subscribe starts the stream's subscription. "Already enabled" is success.
	Subscribe(ctx context.Context, s audit.Stream) error

	// Unsubscribe stops the stream's subscription. "No subscription" is success.
	Unsubscribe(ctx context.Context, s audit.Stream) error

	// Now is the service's clock, as far as the last answers' Date headers tell; the local clock before the first.
	Now() time.Time
}

// Content is the body of a blob on its way in.
type Content interface {
	// Size is the number of bytes to come, -1 if the answer does not tell.
	Size() int64
	// Records yields the records in the order of the blob. Ending without an error means that the blob arrived
	// complete and well formed; an error ends it, and what was yielded before must not be published. Time in which
	// the caller does not pull does not count towards any deadline.
	Records() iter.Seq2[audit.Record, error]
	Close() error
}

// Transform filters and normalizes the records of one stream. One goroutine at a time may use it.
type Transform interface {
	// Headers returns the headers that all events of the blob share.
	Headers(b audit.Blob) []audit.Header
	// Events turns a record into events, each for another topic or in another form; none means that filters dropped it.
	// Dropped names the rules because of which there are fewer than there could be. All slices are valid until the next
	// call, and those of events no longer than the record's.
	Events(b audit.Blob, r *audit.Record) (events []audit.Event, dropped []string, err error)
	// Growth tells how many bytes of event a byte of record becomes, on average.
	Growth() float64
}

// Sink opens publishers.
type Sink interface {
	// Open returns the publisher of a stream that was taken under an epoch. Nil means that it may publish at once, and, if the sink keeps a journal,
	// that former publishers of the stream cannot change it any more and what they left is settled.
	Open(ctx context.Context, s audit.Stream, epoch int64) (Publisher, error)
}

// Publisher publishes for one stream. One goroutine at a time may use it.
type Publisher interface {
	// Publish makes the events and dead letters of a commit durable, all of them, and its entry, if the sink keeps a
	// journal: nil is the acknowledgement of all replicas. It tries again by itself, reporting each failure through the
	// hook given to the sink, until the context ends or somebody else took the stream (audit.ErrFenced); after an error
	// nobody knows what was written, and only another Open finds out. A message that the sink refuses for good becomes
	// a dead letter, told in the receipt.
	Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error)
	// Standing tells what Open found. False means that this sink keeps no journal.
	Standing() (audit.Standing, bool)
	// Entries yields the messages of the stream's journal in the order of the log, committed or not, from a position, or
	// from the log's start if the position lies before it, up to the end as it is during the call. It tries again by
	// itself until the context ends. audit.ErrBeyondEnd means that the position lies behind the end.
	Entries(ctx context.Context, from int64) iter.Seq2[audit.Logged, error]
	// Close waits for nobody.
	Close() error
}

// Operator is what the owner of a stream has to do with its operators: it reads what they want and shows what it does.
// Nothing of it is guarded by the epoch. Calls may be concurrent.
type Operator interface {
	// Wish returns what operators want of a stream, the zero value if nothing.
	Wish(ctx context.Context, s audit.Stream) (audit.Wish, error)
	// ChangeWish changes the wish in one step; change may be called several times.
	ChangeWish(ctx context.Context, s audit.Stream, change func(*audit.Wish)) error
	// PutStatus stores the stream's status line for a time; a time of 0 takes it away.
	PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error
}

// Checkpointer remembers streams.
type Checkpointer interface {
	// Acquire takes a stream: the epoch that it raises is the handle's. Nil means that all former handles are fenced.
	Acquire(ctx context.Context, s audit.Stream) (Handle, error)
}

// Handle reads and changes the checkpoint of one stream, as long as its epoch is the newest. Any call may answer
// audit.ErrFenced (somebody else took the stream) or audit.ErrLost (what is stored is not what the caller
// stands at), which end the run. Every other error is passing: the call may be repeated with the same arguments,
// also when the first one took effect. Calls may be concurrent.
type Handle interface {
	// Epoch returns the handle's epoch.
	Epoch() int64
	// Load raises the handle's epoch above the one that Kafka knows and returns what is remembered; false if there is
	// nothing, audit.ErrLost if there is nothing usable.
	Load(ctx context.Context, kafkaEpoch int64) (audit.Checkpoint, bool, error)
	// Reset forgets everything but the epoch and starts with what c says, in one step, its N and position included.
	Reset(ctx context.Context, c audit.Checkpoint) error
	// Unseen returns those of the hashes that are not in the ledger, in the same order, if the checkpoint stands at n.
	Unseen(ctx context.Context, n int64, hashes []audit.Hash) ([]audit.Hash, error)
	// Apply stores an entry whose N is one more than the stored one; an entry with the stored N is taken as applied.
	// A gap takes the place of an open one of its start and cause.
	Apply(ctx context.Context, e audit.Entry, position int64) error
	// Replay stores entries of the journal that follow one another; those up to the stored N are taken as applied.
	Replay(ctx context.Context, entries []audit.Logged) error
	// Advance stores the progress; it never moves the watermark back.
	Advance(ctx context.Context, p audit.Progress) error
	// Release gives the stream up: nothing is written after it.
	Release(ctx context.Context) error
}

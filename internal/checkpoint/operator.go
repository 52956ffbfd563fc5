package checkpoint

import (
	"context"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Operator is the side of a store that needs no ownership: it reads while somebody else owns the stream, and writes
// nothing that an owner's calls are guarded by. Calls may be repeated and concurrent. Of a file store only the process
// that has the directory can use it, and status lines and answers are gone with that process.
type Operator interface {
	// Peek reads a stream's checkpoint and changes nothing. Its answers are those of Handle.Load.
	Peek(ctx context.Context, s audit.Stream) (audit.Checkpoint, bool, error)
	// Wish returns what operators want of a stream, the zero value if nothing. Back-fills that were asked for more than
	// 15 days ago are left out: nothing of them can be read any more.
	Wish(ctx context.Context, s audit.Stream) (audit.Wish, error)
	// ChangeWish reads the wish, changes it, and stores it if nobody else did meanwhile; else it starts again, so that
	// change may be called several times, also for a wish that holds its change already. Of back-fills with one id the
	// last one is kept. More than 100 back-fills are refused: the owner takes out those that have ended.
	ChangeWish(ctx context.Context, s audit.Stream, change func(*audit.Wish)) error
	// PutStatus stores the status line of a stream for a time; a time of 0 takes it away.
	PutStatus(ctx context.Context, s audit.Stream, status audit.StreamStatus, ttl time.Duration) error
	// Statuses returns one status for each stream, in the same order. A stream without a line is unowned, with what its
	// checkpoint tells.
	Statuses(ctx context.Context, streams []audit.Stream) ([]audit.StreamStatus, error)
	// Retire forgets a stream: checkpoint, wish and status line. Whoever still owns it is told audit.ErrLost. Where a
	// journal tells the same, a later owner begins with what that still holds.
	Retire(ctx context.Context, s audit.Stream) error
	// BeginAnswer claims the command with this id for the holder of a token, for the time of the lease; the same token
	// renews the claim. It returns AnswerNew, or AnswerRunning if another token holds the claim, or AnswerDone with the
	// answer that was given.
	BeginAnswer(ctx context.Context, id, token string, lease time.Duration) (answer [][]byte, state string, err error)
	// FinishAnswer stores the messages that a command was answered with, for a time. Of several answers the first one
	// is kept. ErrAnswerTooLarge: nothing was stored.
	FinishAnswer(ctx context.Context, id string, answer [][]byte, ttl time.Duration) error
	// AbandonAnswer gives a claim back, if the token still holds it, so that another member need not wait for its end.
	AbandonAnswer(ctx context.Context, id, token string) error
}

// The states of an answer.
const (
	AnswerNew     = "new"     // the caller holds the claim and has to do the command
	AnswerRunning = "running" // somebody else does it
	AnswerDone    = "done"    // it was answered
)

package pipeline

import (
	"time"

	"o365-kafka-connector/internal/audit"
)

// Meter counts what runs do. Calls are concurrent and must not block.
type Meter interface {
	// Blob counts a blob by result: done, pending or dead_lettered.
	Blob(s audit.Stream, result string)
	// Records counts records by result: published, filtered, duplicate or dead_lettered.
	Records(s audit.Stream, result string, n int)
	// Filtered counts records that a rule of a filter dropped, from one output or from all.
	Filtered(s audit.Stream, rule string, n int)
	// Undecided counts records that were published although another blob may have published them.
	Undecided(s audit.Stream, n int)
	// DeadLetter counts a dead letter.
	DeadLetter(s audit.Stream, cause audit.Cause)
	// Gap counts a stretch that will never be read.
	Gap(s audit.Stream, cause audit.Cause)
	// Published observes a blob's way: contentCreated to published, and CreationTime of its oldest record to
	// published (0 if unknown).
	Published(s audit.Stream, availability, age time.Duration)
	// CheckpointError counts a failed call to the checkpoint.
	CheckpointError(s audit.Stream)
	// Fenced counts a run that ended because another owner took its stream.
	Fenced(s audit.Stream)
}

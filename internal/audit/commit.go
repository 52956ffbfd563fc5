package audit

// Commit is what a publisher publishes in one go: the events of whole blobs, and the change of the checkpoint that
// follows from them.
type Commit struct {
	Batches     []*Batch
	DeadLetters []DeadLetter
	Status      []StatusMessage
	Entry       Entry
}

// Receipt tells what became of a commit.
type Receipt struct {
	Position int64        // of the journal after the commit's entry; -1 without a journal
	Refused  []DeadLetter // records that the sink refused for good and dead-lettered
}

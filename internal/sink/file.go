package sink

import (
	"context"
	"errors"
	"io"
	"sync"

	"o365-kafka-connector/internal/audit"
)

// What is added to the name of a file of events to name the files beside it.
const (
	DeadLetterSuffix = ".dead-letters"
	StatusSuffix     = ".status"
)

// FileSink appends each event's value as a line to a file; dead letters and status messages go to files beside it, that
// are made when they are needed. A commit is on disk before it is acknowledged, and taken out again if it was written
// in part. When a file is moved away, the next commit begins a new one.
type FileSink struct {
	options Options

	mu          sync.Mutex // guards the following
	events      appendFile
	deadLetters appendFile
	status      appendFile
}

// NewFile opens the file of events, creating it if need be. The first commit removes a line that a crash cut off:
// nobody acknowledged it. Until then nothing is changed, since another process may be writing.
func NewFile(path string, o Options) (*FileSink, error) {
	f := &FileSink{
		options: o.withDefaults(),
		events:  appendFile{path: path}, deadLetters: appendFile{path: path + DeadLetterSuffix}, status: appendFile{path: path + StatusSuffix},
	}
	if err := f.events.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// Open returns the publisher of a stream.
func (f *FileSink) Open(_ context.Context, s audit.Stream, _ int64) (Publisher, error) {
	return &linePublisher{stream: s, options: f.options, write: f.commit}, nil
}

// Tell appends status messages.
func (f *FileSink) Tell(_ context.Context, messages []audit.StatusMessage) error {
	return f.commit(audit.Commit{Status: messages})
}

// Check tells whether the files can be written. Those beside the events' need not exist.
func (f *FileSink) Check(context.Context) ([]Finding, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Finding
	for _, err := range []error{f.events.current(), f.deadLetters.try(), f.status.try()} {
		if err != nil {
			found = append(found, Finding{
				Fatal: true, Text: err.Error(),
				Hint: "let sink.path name a file in a directory that exists and that the connector may write to; FILE" + DeadLetterSuffix + " and FILE" + StatusSuffix + " are written beside it",
			})
		}
	}
	return found, nil
}

// Close closes the files.
func (f *FileSink) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.events.close(), f.deadLetters.close(), f.status.close())
}

// commit writes what there is for each file; one that gets nothing is left alone.
func (f *FileSink) commit(c audit.Commit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var begun []*appendFile
	for _, part := range []struct {
		file  *appendFile
		count int
		write func(io.Writer) error
	}{
		{&f.deadLetters, len(c.DeadLetters), func(w io.Writer) error { return writeDeadLetters(w, c, f.options.Version) }},
		{&f.status, len(c.Status), func(w io.Writer) error { return writeStatus(w, c, f.options.Instance) }},
		{&f.events, len(c.Batches), func(w io.Writer) error { return writeEvents(w, c) }},
	} {
		if part.count == 0 {
			continue
		}
		err := part.file.begin()
		if err == nil {
			begun = append(begun, part.file)
			err = part.file.append(part.write)
		}
		if err != nil {
			for _, file := range begun {
				err = errors.Join(err, file.undo())
			}
			return err
		}
	}
	return nil
}

package pipeline

import (
	"errors"
	"fmt"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// errUnplaced means that a record which was a dead letter has no event that could go where it was refused. Trying again
// changes nothing.
var errUnplaced = errors.New("it cannot be put back")

// refused returns those of a record's events that the job is to publish. Of a record that is a dead letter that is the
// one that was refused, since the others were published then. It goes to the topic that refused it, also where none of
// the stream's own events goes: a back-fill had a topic of its own, or the settings have changed.
func (p worker) refused(events []audit.Event, shared []audit.Header) ([]audit.Event, error) {
	l := p.job.letter
	if l == nil || !l.Record || l.Topic == "" {
		return events, nil
	}
	i := standIn(l.DeadLetter, events, shared)
	if i < 0 {
		return nil, unplaced(l, fmt.Errorf("no output has format %s any more", l.Form()),
			"add an output of this format, run redrive again, and take it out: topic "+l.Topic+" may hold the record in the other formats already")
	}
	e := events[i]
	if e.Topic == l.Topic {
		return events[i : i+1], nil
	}
	if p.EventTopic != nil {
		if err := p.EventTopic(l.Topic); err != nil {
			return nil, unplaced(l, err, "free this topic for events, or take the record from the dead letter")
		}
	}
	e.Topic = l.Topic
	return []audit.Event{e}, nil
}

func unplaced(l *audit.Letter, err error, hint string) error {
	return &audit.Fault{Cause: l.Cause, Scope: audit.OfBlob, Err: fmt.Errorf("%w: %w: %s", errUnplaced, err, hint)}
}

// standIn returns the index of the event that takes the place of one that was refused, -1 if that cannot be told: another
// form of a record that has several may have been delivered.
func standIn(d audit.DeadLetter, events []audit.Event, shared []audit.Header) int {
	formed, led := -1, -1
	for i, e := range events {
		same, there := d.Form() == "" || d.Form() == formOf(e, shared), e.Topic == d.Topic
		switch {
		case same && there:
			return i
		case same && formed < 0:
			formed = i
		case there && led < 0:
			led = i
		}
	}
	if formed < 0 && !d.Several {
		return max(led, 0)
	}
	return formed
}

// formOf is an event's format without its version.
func formOf(e audit.Event, shared []audit.Header) string {
	for _, headers := range [][]audit.Header{e.Headers, shared} {
		for _, h := range headers {
			if h.Name == "format" {
				form, _, _ := strings.Cut(string(h.Value), "/")
				return form
			}
		}
	}
	return ""
}

package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// forms turns each record into an event for each of its outputs, written as format>topic.
type forms struct{ outputs []string }

func (forms) Headers(audit.Blob) []audit.Header { return nil }
func (forms) Growth() float64                   { return 1 }

func (f forms) Events(_ audit.Blob, r *audit.Record) (events []audit.Event, _ []string, _ error) {
	for _, output := range f.outputs {
		format, topic, _ := strings.Cut(output, ">")
		events = append(events, audit.Event{
			Topic: topic, Value: fmt.Append(nil, format, ">", topic, " ", string(r.Raw)), Ordinal: r.Ordinal,
			Headers: []audit.Header{{Name: "format", Value: []byte(format)}},
		})
	}
	return events, nil, nil
}

// TestARecordGoesBackToTheTopicThatRefusedIt has a dead letter put back under settings that lead elsewhere.
func TestARecordGoesBackToTheTopicThatRefusedIt(t *testing.T) {
	for name, test := range map[string]struct {
		letter  string // format>topic
		several bool
		outputs string
		value   string // of the event; empty: it is a dead letter again
		topic   string
		told    string
	}{
		"as it was":                       {letter: "raw>live", outputs: "raw>live", value: "raw>live", topic: "live"},
		"of a back-fill":                  {letter: "raw>X", several: true, outputs: "raw>live", value: "raw>live", topic: "X"},
		"of a back-fill of several":       {letter: "incident>X.incident", several: true, outputs: "raw>live incident>live", value: "incident>live", topic: "X.incident"},
		"one topic too many":              {letter: "raw>types.7", outputs: "raw>types.other", value: "raw>types.other", topic: "types.7"},
		"two formats in one topic":        {letter: "incident>live", several: true, outputs: "raw>live incident>live", value: "incident>live", topic: "live"},
		"another version":                 {letter: "ecs/9.3.0>live", several: true, outputs: "raw>live ecs/9.4.0>live", value: "ecs/9.4.0>live", topic: "live"},
		"another format of the only one":  {letter: "incident>live", outputs: "raw>other ecs/9.4.0>live", value: "ecs/9.4.0>live", topic: "live"},
		"another format, nothing there":   {letter: "incident>live", outputs: "raw>other ecs/9.4.0>one", value: "raw>other", topic: "live"},
		"a format that nobody has":        {letter: "incident>live", several: true, outputs: "raw>live", told: "no output has format incident any more"},
		"a topic that is not for events":  {letter: "raw>journal", outputs: "raw>live", told: "topic is taken"},
		"of a version that told no topic": {letter: ">", outputs: "raw>live", value: "raw>live", topic: "live"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.runFor(t, 10*time.Second)
				format, topic, _ := strings.Cut(test.letter, ">")
				w.letters = []audit.DeadLetter{{
					Stream: testStream, Blob: audit.Blob{ID: "old"}, Record: true, Ordinal: 5, Value: []byte("kept"), Topic: topic, Format: format, Several: test.several,
					Cause: audit.CauseTooLarge, Attempts: 1, LastFailed: time.Now(),
				}}
				if form, _, _ := strings.Cut(format, "/"); form == "ecs" {
					w.letters[0].Value, w.letters[0].Blob = nil, w.add("old", time.Now().Add(-48*time.Hour), "0", "1", "2", "3", "4", "kept").Blob
				}
				w.askFill(redriveOf("r", audit.RedriveFilter{}))
				began := time.Now()
				w.runFor(t, time.Minute, func(s *Settings) {
					s.Transform = func() (Transform, error) { return forms{strings.Fields(test.outputs)}, nil }
					s.Outputs = len(strings.Fields(test.outputs))
					s.EventTopic = func(name string) error {
						if name == "journal" {
							return errors.New("topic is taken")
						}
						return nil
					}
				})
				p := filled(t, w, "r")
				if test.told != "" {
					l := w.letters[len(w.letters)-1]
					if len(w.delivered) != 0 || p.Redrive.Again != 1 || len(w.letters) != 2 || l.Cause != audit.CauseTooLarge || !strings.Contains(l.Error, test.told) || l.LastFailed.Sub(began) > time.Second {
						t.Errorf("delivered %v, progress %+v, letters %+v", w.delivered, p.Redrive, w.letters)
					}
					return
				}
				if len(w.delivered) != 1 || w.delivered[test.value+" kept"] != 1 || w.headers[test.value+" kept"] != test.topic || p.Redrive.PutBack() != 1 {
					t.Errorf("delivered %v to %v, progress %+v", w.delivered, w.headers, p.Redrive)
				}
			})
		})
	}
}

// TestWhatABackfillsTopicRefusesIsALetterOfItsOwn has the same blob read for the stream and for a topic of its own.
func TestWhatABackfillsTopicRefusesIsALetterOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		w.add("blob", now.Add(-time.Minute), "r")
		w.runFor(t, 10*time.Second)
		if w.several["blob"] {
			t.Error("the stream's own letters have a topic in their id")
		}
		w.askFill(audit.Backfill{ID: "b", From: now.Add(-time.Hour), To: now, Mode: audit.BackfillRepublish, Topic: "X"})
		w.runFor(t, time.Minute)
		if !w.several["blob"] || w.delivered["r"] != 2 {
			t.Errorf("several %v, delivered %v", w.several, w.delivered)
		}
	})
}

package e2e

import (
	"fmt"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

func TestEverythingOfferedIsDelivered(t *testing.T) {
	t.Parallel()
	c := play(t, setup{})
	c.delivers(10 * time.Second)
	if n := c.api.Stats().MissingPublisher; n > 0 {
		t.Errorf("%d requests lack PublisherIdentifier", n)
	}
	if got := c.api.Stats().Count("blob", ""); got != 12 {
		t.Errorf("blobs were asked for %d times, want 12", got)
	}
	before := c.api.Stats().Count("content", "")
	time.Sleep(3 * time.Second)
	if got := c.api.Stats().Count("content", "") - before; got > 60 || got < 4 { // two streams poll 15 times and sweep 6 times
		t.Errorf("%d listings in 3 s, want about 42", got)
	}
}

// What goes wrong with a few requests, and then no more, costs time and nothing else.
func TestPassingFaultLosesNothing(t *testing.T) {
	t.Parallel()
	pages := emulator.Fault{Kind: emulator.PageSize, Count: 2}
	everywhere := []string{"subscriptions", "content", "page", "blob"}
	for _, test := range []struct {
		fault      emulator.Fault
		operations []string
	}{
		{emulator.Fault{Kind: emulator.ServerError}, everywhere},
		{emulator.Fault{Kind: emulator.ServerError, Status: 503, SingleQuotes: true}, everywhere},
		{emulator.Fault{Kind: emulator.ServerError, Code: "AF50005"}, everywhere},
		{emulator.Fault{Kind: emulator.ServerError, Status: 408, Code: "-"}, everywhere},
		{emulator.Fault{Kind: emulator.HTML}, everywhere},
		{emulator.Fault{Kind: emulator.HTML, Status: 200}, everywhere},
		{emulator.Fault{Kind: emulator.Unauthorized}, everywhere},
		{emulator.Fault{Kind: emulator.Error, Status: 418, Code: "teapot"}, everywhere},
		{emulator.Fault{Kind: emulator.Error, Code: "AF20055"}, []string{"content", "page"}},
		{emulator.Fault{Kind: emulator.Error, Code: "AF20030"}, []string{"content", "page"}},
		{emulator.Fault{Kind: emulator.Error, Code: "AF20031"}, []string{"page"}},
		{emulator.Fault{Kind: emulator.Error, Code: "AF20052"}, []string{"blob"}},
		{emulator.Fault{Kind: emulator.Cut}, everywhere},
		{emulator.Fault{Kind: emulator.Cut, Bytes: 1}, everywhere},
		{emulator.Fault{Kind: emulator.NotJSON}, everywhere},
		{emulator.Fault{Kind: emulator.ShortJSON}, everywhere},
		{emulator.Fault{Kind: emulator.AsObject}, everywhere},
		{emulator.Fault{Kind: emulator.EmptyReply}, everywhere},
		{emulator.Fault{Kind: emulator.PageStale}, []string{"content", "page"}},
		{emulator.Fault{Kind: emulator.PageLoop}, []string{"page"}},
	} {
		for _, operation := range test.operations {
			f := test.fault
			f.Operation, f.First = operation, 2
			t.Run(nameOf(f), func(t *testing.T) {
				t.Parallel()
				c := play(t, setup{faults: []emulator.Fault{f, pages}})
				c.delivers(30 * time.Second)
				if got := c.fired(f.Kind); got != 2 {
					t.Errorf("the fault hit %d requests, want 2", got)
				}
			})
		}
	}
}

func nameOf(f emulator.Fault) string {
	name := string(f.Kind)
	if f.Status != 0 {
		name += fmt.Sprintf("-%d", f.Status)
	}
	if f.Code != "" {
		name += "-" + f.Code
	}
	if f.Bytes != 0 {
		name += "-early"
	}
	return name + " of " + f.Operation
}

// patient is for tests that count what is downloaded: a busy machine must not make an answer too late.
var patient = map[string]any{"source.timeout": "60s"}

// What the API does all the time without breaking its contract is not even noticed.
func TestOddAnswersLoseNothing(t *testing.T) {
	t.Parallel()
	small := emulator.Fault{Kind: emulator.PageSize, Count: 2}
	for name, faults := range map[string][]emulator.Fault{
		"page-size":                 {{Kind: emulator.PageSize, Count: 1}},
		"page-link-old":             {small, {Kind: emulator.PageLinkOld}},
		"empty-page":                {small, {Kind: emulator.EmptyPage}},
		"slow":                      {small, {Kind: emulator.Slow, Delay: 150 * time.Millisecond}},
		"gzip":                      {small, {Kind: emulator.Gzip}},
		"chunked":                   {small, {Kind: emulator.Chunked}},
		"gzip and chunked":          {small, {Kind: emulator.Gzip}, {Kind: emulator.Chunked}},
		"gzip cut":                  {{Kind: emulator.Gzip}, {Kind: emulator.Cut, Operation: "blob", First: 2, Bytes: 300}},
		"chunked cut":               {{Kind: emulator.Chunked}, {Kind: emulator.Cut, Operation: "blob", First: 2}},
		"token-numbers":             {{Kind: emulator.TokenNumbers}},
		"same-millisecond":          {small, {Kind: emulator.SameMillisecond, Count: 3}},
		"duplicate-record":          {{Kind: emulator.DuplicateRecord, Count: 3}},
		"repeat-record":             {{Kind: emulator.RepeatRecord, Count: 3}},
		"listed-twice":              {small, {Kind: emulator.ListedTwice, Delay: 2 * time.Minute}},
		"bad-record":                {{Kind: emulator.BadRecord}},
		"all of what is offered":    {small, {Kind: emulator.SameMillisecond}, {Kind: emulator.DuplicateRecord}, {Kind: emulator.RepeatRecord}, {Kind: emulator.ListedTwice}, {Kind: emulator.BadRecord}, {Kind: emulator.WrongURI, Probability: 0.5}},
		"wrong-uri":                 {{Kind: emulator.WrongURI}},
		"wrong-uri, nothing at all": {{Kind: emulator.WrongURI, Text: "%zz"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{faults: faults, settings: patient})
			c.delivers(60 * time.Second)
			if got, want := c.api.Stats().Count("blob", "200"), 12; got != want {
				t.Errorf("%d blobs were downloaded, want %d", got, want)
			}
		})
	}
}

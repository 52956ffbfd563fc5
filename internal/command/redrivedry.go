package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
)

const maxExamples = 20 // content ids that are named

// contextLetters is what a redrive would find.
type contextLetters struct {
	Tenant      string              `json:"tenant"`
	ContentType audit.ContentType   `json:"content_type"`
	DryRun      bool                `json:"dry_run"`
	Filter      audit.RedriveFilter `json:"filter"`
	Blobs       int64               `json:"blobs"`
	Records     int64               `json:"records"`
	Expired     int64               `json:"expired"`
	Known       int64               `json:"redriven_before"`
	Causes      []causeCount        `json:"causes"`
	Examples    []string            `json:"expired_content_ids,omitempty"`

	known []audit.BackfillProgress
	now   time.Time
}

type causeCount struct {
	Cause   audit.Cause `json:"cause"`
	Blobs   int64       `json:"blobs"`
	Records int64       `json:"records"`
	Expired int64       `json:"expired"`
}

// tryRedrive counts the letters that a redrive would take.
func (c *call) tryRedrive(ctx context.Context) error {
	letters, err := c.options.Letters()
	if err != nil {
		return err
	}
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	known, err := peek(ctx, store, c.stream())
	if err != nil {
		return err
	}
	out := contextLetters{
		Tenant: c.tenant().ID, ContentType: c.stream().ContentType, DryRun: true, Filter: c.redriveFilter(),
		Causes: []causeCount{}, known: known.Backfills, now: time.Now(),
	}
	ends, err := letters.Ends(ctx)
	if err != nil {
		return err
	}
	for partition, end := range ends {
		at := audit.LetterRange{Partition: partition, To: end}
		newest, err := audit.NewestLetters(letters.Read(ctx, c.stream(), at))
		if err != nil {
			return err
		}
		for l, err := range letters.Read(ctx, c.stream(), at) {
			if err != nil {
				return err
			}
			if newest[l.Hash()] == l.Offset && out.Filter.Matches(l) {
				out.count(l)
			}
		}
	}
	return c.reply(control.OutcomeDone, out.text(c.stream()), map[string]any{"redrive": out})
}

func (o *contextLetters) count(l audit.Letter) {
	if slices.ContainsFunc(o.known, func(p audit.BackfillProgress) bool { return p.Covers(l) }) {
		o.Known++
		return
	}
	i := slices.IndexFunc(o.Causes, func(c causeCount) bool { return c.Cause == l.Cause })
	if i < 0 {
		i = len(o.Causes)
		o.Causes = append(o.Causes, causeCount{Cause: l.Cause})
	}
	c := &o.Causes[i]
	switch {
	case l.Fetched() && l.Blob.Expired(o.now):
		c.Expired++
		o.Expired++
		if len(o.Examples) < maxExamples {
			o.Examples = append(o.Examples, l.Blob.ID)
		}
	case l.Record:
		c.Records++
		o.Records++
	default:
		c.Blobs++
		o.Blobs++
	}
}

func (o *contextLetters) text(s audit.Stream) string {
	text := fmt.Sprintf("Dry run, nothing was changed. A redrive of stream %s would put back %d blobs and %d single records; %d were put back before%s",
		s, o.Blobs, o.Records, o.Known, expiredText(o.Expired, o.Examples))
	if len(o.Causes) == 0 {
		return text
	}
	out := table{title: "Dead letters", columns: []string{"Cause", "Blobs", "Records", "Expired"}}
	for _, c := range o.Causes {
		out.add(string(c.Cause), strconv.FormatInt(c.Blobs, 10), strconv.FormatInt(c.Records, 10), strconv.FormatInt(c.Expired, 10))
	}
	return text + "\n\n" + out.String()
}

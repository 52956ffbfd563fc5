package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/unit"
)

// showStatus tells what all streams do that the configuration names.
func (c *call) showStatus(ctx context.Context) error {
	store, err := c.options.Store()
	if err != nil {
		return err
	}
	all := []audit.StreamStatus{}
	for _, t := range c.tenants {
		list, err := store.Statuses(ctx, c.streamsOf(t))
		if err != nil {
			return fmt.Errorf("read status: %w", err)
		}
		for _, s := range list {
			if c.shown(t, s) {
				all = append(all, s)
			}
		}
	}
	value := map[string]any{"streams": all}
	text := statusText(all)
	if c.options.Members != nil {
		text += c.addMembers(ctx, value)
	}
	return c.reply(control.OutcomeDone, text, map[string]any{"status": value})
}

// streamsOf are the streams of a tenant that a command is about.
func (c *call) streamsOf(t config.Tenant) []audit.Stream {
	var out []audit.Stream
	for _, ct := range audit.ContentTypes() {
		if asked := c.command.Arguments.ContentType; asked == "" || asked == ct {
			out = append(out, audit.Stream{Tenant: t.Audit(), ContentType: ct})
		}
	}
	return out
}

// shown leaves out streams that the configuration does not name and that nobody ever ran.
func (c *call) shown(t config.Tenant, s audit.StreamStatus) bool {
	if s.State != audit.StateUnowned || !s.Watermark.IsZero() || c.command.Arguments.ContentType != "" {
		return true
	}
	for _, named := range t.Streams() {
		if named.ContentType == s.ContentType {
			return true
		}
	}
	return false
}

// statusText is a table, and below it what does not fit into its cells.
func statusText(all []audit.StreamStatus) string {
	out := &table{title: "Streams", columns: []string{
		"Tenant", "Content type", "State", "Owner", "Watermark", "Lag", "Hours to loss", "Backlog", "Pending", "Records",
		"Records/s", "Gaps",
	}}
	var notes strings.Builder
	for _, s := range all {
		lag, left := "", ""
		if !s.Watermark.IsZero() {
			lag = unit.Duration(time.Duration(s.LagSeconds) * time.Second).String()
			left = strconv.FormatFloat(s.HoursToLoss, 'f', 1, 64)
		}
		out.add(s.TenantName, string(s.ContentType), string(s.State), s.Owner, stamp(s.Watermark), lag, left,
			strconv.FormatInt(s.BacklogBlobs, 10), strconv.Itoa(s.PendingBlobs), strconv.FormatInt(s.RecordsTotal, 10),
			strconv.FormatFloat(s.RecordsPerSecond, 'f', 1, 64), strconv.Itoa(len(s.Gaps)))
		name := s.TenantName + "/" + string(s.ContentType)
		if s.LastError != nil {
			fmt.Fprintf(&notes, "\n%s, last error: %s\n", name, lastError(s.LastError))
		}
		if s.Backlog != nil {
			fmt.Fprintf(&notes, "\n%s, backlog beside what happens now: %s\n", name, backlog(*s.Backlog))
		}
		if len(s.Gaps) > 0 {
			fmt.Fprintf(&notes, "\n%s, never read: %s\n", name, gaps(s.Gaps))
		}
	}
	return out.String() + notes.String()
}

func backlog(b audit.Backlog) string {
	end := "nobody knows yet when it is read"
	if b.EstimatedEnd != nil {
		end = "read at about " + stamp(*b.EstimatedEnd)
	}
	return fmt.Sprintf("%.1f hours, %s to %s, %s", b.Hours, stamp(b.From), stamp(b.To), end)
}

func gaps(list []audit.GapStatus) string {
	const shown = 3
	var texts []string
	for i, g := range list {
		if i == shown {
			texts = append(texts, fmt.Sprintf("and %d more", len(list)-shown))
			break
		}
		to := "now"
		if !g.To.IsZero() {
			to = stamp(g.To)
		}
		texts = append(texts, fmt.Sprintf("%s to %s (%s)", stamp(g.From), to, g.Cause))
	}
	return strings.Join(texts, ", ")
}

func lastError(e *audit.LastError) string {
	text := stamp(e.Time) + " " + e.Message
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return cell(text)
}

// stamp writes a time for people; nothing for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

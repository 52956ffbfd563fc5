package telemetry

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"o365-kafka-connector/internal/audit"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"colour": colour, "span": span, "clock": clock, "count": count,
	}).Parse(pageText))

	// pagePolicy allows the page's own style and nothing else.
	pagePolicy = func() string {
		sum := sha256.Sum256([]byte(pageStyle))
		return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}()
)

// page is the status page: the same as /api/status, for people.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	status := s.status()
	err := pageTemplate.Execute(&body, struct {
		Status
		Counts []stateCount
		Now    time.Time
		Ready  []result
		Style  template.CSS
	}{
		status, countStates(status.Streams), time.Now().UTC(), s.opts.Health.ready(r.Context()),
		template.CSS(pageStyle), //nolint:gosec // a constant of ours
	})
	if err != nil {
		s.opts.Log.Error("status page cannot be written", slog.Any("error", err))
		http.Error(w, "the page cannot be written; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	_, _ = w.Write(body.Bytes())
}

// stateCount is how many streams are in a state.
type stateCount struct {
	State   audit.State
	Streams int
}

// countStates counts the streams by state, in the order in which the states turn up.
func countStates(streams []StreamStatus) []stateCount {
	var counts []stateCount
	for _, s := range streams {
		i := slices.IndexFunc(counts, func(c stateCount) bool { return c.State == s.State })
		if i < 0 {
			counts = append(counts, stateCount{State: s.State})
			i = len(counts) - 1
		}
		counts[i].Streams++
	}
	return counts
}

// colour tells at a glance whether a state needs somebody.
func colour(s audit.State) string {
	switch s {
	case audit.StateReading, audit.StateQuiet:
		return "good"
	case audit.StateWaiting, audit.StateCatchingUp, audit.StateThrottled:
		return "busy"
	case audit.StatePaused, audit.StateStopped:
		return "idle"
	case audit.StateUnowned, audit.StateFailing, audit.StateNoPermission:
		return "bad"
	}
	return "bad"
}

// span writes seconds for people: 12s, 3m 20s, 5h 2m, 2d 4h.
func span(seconds float64) string {
	d := time.Duration(max(0, seconds) * float64(time.Second)).Round(time.Second)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// clock writes a time for people, in UTC.
func clock(t any) string {
	switch t := t.(type) {
	case time.Time:
		if !t.IsZero() {
			return t.UTC().Format("2006-01-02 15:04:05")
		}
	case *time.Time:
		if t != nil {
			return clock(*t)
		}
	}
	return "–"
}

// count groups the digits of a number by thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

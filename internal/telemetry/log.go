package telemetry

import (
	"context"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes one line per record to w and tells count the level of each.
func NewLogger(w io.Writer, c LogConfig, count func(slog.Level)) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.level(), ReplaceAttr: readable}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if c.Format == FormatText {
		h = slog.NewTextHandler(w, opts)
	}
	return slog.New(&countingHandler{Handler: h, count: count})
}

// readable writes durations as Go does, as in 1.5s: JSON would have a number of nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// countingHandler counts the lines that its handler writes.
type countingHandler struct {
	slog.Handler
	count func(slog.Level)
}

// Handle counts the record and passes it on.
func (h *countingHandler) Handle(ctx context.Context, r slog.Record) error {
	h.count(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps counting in the derived handler.
func (h *countingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &countingHandler{Handler: h.Handler.WithAttrs(attrs), count: h.count}
}

// WithGroup keeps counting in the derived handler.
func (h *countingHandler) WithGroup(name string) slog.Handler {
	return &countingHandler{Handler: h.Handler.WithGroup(name), count: h.count}
}

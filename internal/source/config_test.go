package source_test

import (
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/unit"
)

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*source.Config)
		want   []string
	}{
		"defaults": {func(*source.Config) {}, nil},
		"at the limits": {func(c *source.Config) {
			c.Overlap, c.Sweep.Depth, c.Buffer = 0, unit.Duration(167*time.Hour), 2*c.BlobBuffer
		}, nil},
		"catch up": {func(c *source.Config) { c.CatchUpAfter = -1 }, []string{"catch_up_after: must be at most 167h and not negative"}},
		"in order": {func(c *source.Config) { c.CatchUpAfter = 0 }, nil},
		"overlap":  {func(c *source.Config) { c.Overlap = unit.Duration(24 * time.Hour) }, []string{"overlap: must be less than 24h"}},
		"sweep":    {func(c *source.Config) { c.Sweep.Depth = unit.Duration(168 * time.Hour) }, []string{"sweep.depth: "}},
		"buffer":   {func(c *source.Config) { c.Buffer = 7 * unit.MiB }, []string{"buffer: must be at least twice blob_buffer, here 8MiB"}},
		"several at once": {func(c *source.Config) { *c = source.Config{Overlap: -1, Buffer: -1} }, []string{
			"timeout: ", "first_fetch: ", "poll_interval: ", "overlap: ", "sweep.interval: ", "sweep.depth: ", "workers: ", "blob_buffer: ", "\nbuffer: ", "spool_max: ", "requests_per_minute: ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var c source.Config
			c.SetDefaults()
			test.change(&c)
			err := c.Validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error lacks %q:\n%v", part, err)
				}
			}
		})
	}
}

func TestFirstWindow(t *testing.T) {
	const longest = 167*time.Hour + 55*time.Minute
	for first, want := range map[time.Duration]struct {
		span time.Duration
		cut  bool
	}{time.Hour: {time.Hour, false}, longest: {longest, false}, 168 * time.Hour: {longest, false}, 169 * time.Hour: {longest, true}} {
		c := source.Config{FirstFetch: unit.Duration(first)}
		if span, cut := c.FirstWindow(); span != want.span || cut != want.cut {
			t.Errorf("%s: %s, %t", first, span, cut)
		}
	}
}

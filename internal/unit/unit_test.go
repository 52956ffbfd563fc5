package unit

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestDurationsThatAreRead(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"15s": 15 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond, " 5m ": 5 * time.Minute,
		"15": 15 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond, "-3": -3 * time.Second,
		"10 minutes": 10 * time.Minute, "1 minute": time.Minute, "1 Hour": time.Hour, "2  days": 48 * time.Hour,
		"7 DAYS": 168 * time.Hour, "1 week": 168 * time.Hour, "90 seconds": 90 * time.Second, "3 hrs": 3 * time.Hour,
		"0.5 hours": 30 * time.Minute, "5 min": 5 * time.Minute, "5 secs": 5 * time.Second, "-1 day": -24 * time.Hour,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
}

func TestDurationsThatAreRefused(t *testing.T) {
	for _, in := range []string{
		"", " ", "abc", "5 apples", "minutes", "5x", "1e300", "nan", "inf", "-inf", "9999999999",
		"1000000000 weeks", "-1000000000 weeks", "5 minutes ago", "s", "5 s 3",
	} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v", in, got)
		} else if !strings.Contains(err.Error(), "write 15s") {
			t.Errorf("error without a hint: %v", err)
		}
	}
}

func TestDurationIsPrintedShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "15s": 15 * time.Second, "1h": time.Hour, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute,
		"1h0m5s": time.Hour + 5*time.Second, "24h": 24 * time.Hour, "167h55m": 168*time.Hour - 5*time.Minute,
		"500ms": 500 * time.Millisecond, "-1m": -time.Minute,
	} {
		if got := fmt.Sprint(Duration(d)); got != want {
			t.Errorf("%v is printed as %q, want %q", d, got, want)
		}
	}
}

func TestWhatIsPrintedIsRead(t *testing.T) {
	durations := func(d Duration) bool {
		text, err := d.MarshalText()
		var again Duration
		return err == nil && again.UnmarshalText(text) == nil && again == d && again.D() == time.Duration(d)
	}
	sizes := func(n uint32, shift uint8) bool {
		b := Bytes(n) << (shift % 30)
		text, err := b.MarshalText()
		var again Bytes
		return err == nil && again.UnmarshalText(text) == nil && again == b
	}
	for _, property := range []any{durations, sizes} {
		if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
			t.Error(err)
		}
	}
}

func TestSizesThatAreRead(t *testing.T) {
	for in, want := range map[string]Bytes{
		"32MiB": 32 << 20, "4 MB": 4e6, "1gib": 1 << 30, "2GB": 2e9, "512kib": 512 << 10, "10kb": 10000,
		"0": 0, "123": 123, "123b": 123, " 7 B ": 7,
	} {
		var got Bytes
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestSizesThatAreRefused(t *testing.T) {
	for _, in := range []string{"", "MiB", "-1", "1.5MiB", "32 apples", "32MiBs", "9999999999GiB", "99999999999999999999", "32M iB"} {
		b := Bytes(42)
		if err := b.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q = %d", in, b)
		} else if !strings.Contains(err.Error(), "write 32MiB") {
			t.Errorf("error without a hint: %v", err)
		}
		if b != 42 {
			t.Errorf("%q is refused and yet changes the value to %d", in, b)
		}
	}
}

func TestSizeIsPrintedInItsLargestUnit(t *testing.T) {
	for want, b := range map[string]Bytes{
		"0": 0, "1": 1, "1KiB": KiB, "1025": KiB + 1, "32MiB": 32 * MiB, "2GiB": 2 * GiB, "1536KiB": MiB + 512*KiB,
	} {
		if got := fmt.Sprint(b); got != want {
			t.Errorf("%d is printed as %q, want %q", int64(b), got, want)
		}
	}
}

func TestUnitsInYAML(t *testing.T) {
	type section struct {
		Timeout Duration `yaml:"timeout"`
		Fetch   Duration `yaml:"fetch"`
		Buffer  Bytes    `yaml:"buffer"`
		Small   Bytes    `yaml:"small"`
	}
	var got section
	if err := yaml.Unmarshal([]byte("timeout: 15\nfetch: 30 minutes\nbuffer: 32MiB\nsmall: 4096\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := section{Duration(15 * time.Second), Duration(30 * time.Minute), 32 * MiB, 4 * KiB}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("timeout: 15s\nfetch: 30m\nbuffer: 32MiB\nsmall: 4KiB\n", string(text)); diff != "" {
		t.Errorf("printed, -want +got:\n%s", diff)
	}
	if err := yaml.Unmarshal([]byte("timeout: soon\n"), &got); err == nil || !strings.Contains(err.Error(), "no duration") {
		t.Errorf("error = %v", err)
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"15s", "30 minutes", "1e9", "-1000000000 weeks", "0x1p3", "1 s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			t.Skip()
		}
		if strings.HasPrefix(strings.TrimSpace(s), "-") == (d > 0) && d != 0 {
			t.Fatalf("ParseDuration(%q) = %v has the wrong sign", s, d)
		}
		again, err := ParseDuration(Duration(d).String())
		if err != nil || again != d {
			t.Fatalf("%v is printed as %s and read as %v, %v", d, Duration(d), again, err)
		}
	})
}

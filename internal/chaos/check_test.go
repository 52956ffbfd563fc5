package chaos

import (
	"slices"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// offered are two blobs, one of which holds a record twice, and one that has expired.
var offered = []emulator.TruthBlob{
	{ContentType: emulator.Exchange, ContentID: "one", Records: []string{"r1", "r2"}},
	{ContentType: emulator.Exchange, ContentID: "two", Records: []string{"r1", "r1"}, Bad: 1},
	{ContentType: emulator.Exchange, ContentID: "gone", Records: []string{"r9"}, Unavailable: "expired", Created: time.Unix(60, 0)},
}

// delivered is a checker that saw everything once.
func delivered() *Checker {
	c := NewChecker()
	for _, r := range [][2]string{{"one", "r1"}, {"one", "r2"}, {"two", "r1"}, {"two", "r1"}, {"two", ""}} {
		c.Delivered(r[0], r[1], Place{})
	}
	c.Letter("gone", Place{})
	c.Gap(Gap{emulator.Exchange, time.Unix(60, 0), time.Unix(61, 0), 1})
	return c
}

func TestCheckerIsContent(t *testing.T) {
	if v := delivered().Compare(slices.Values(offered)); !v.Good() || v.Offered != 5 || v.Blobs != 2 || v.Gone != 1 {
		t.Errorf("verdict %+v", v)
	}
}

// Where copies are dropped, each Id is owed once, from whatever blob.
func TestCheckerOfDroppedCopies(t *testing.T) {
	for name, tc := range map[string]struct {
		deliver [][2]string
		good    bool
		dropped int
	}{
		"from the first blob": {[][2]string{{"one", "r1"}, {"one", "r2"}, {"two", ""}}, true, 2},
		"from the second":     {[][2]string{{"two", "r1"}, {"one", "r2"}, {"two", ""}}, true, 2},
		"from both":           {[][2]string{{"two", "r1"}, {"one", "r1"}, {"one", "r2"}, {"two", ""}}, true, 1},
		"from none":           {[][2]string{{"one", "r2"}, {"two", ""}}, false, 2},
		"twice from one blob": {[][2]string{{"one", "r1"}, {"one", "r1"}, {"one", "r2"}, {"two", ""}}, false, 2},
		"no bad element":      {[][2]string{{"one", "r1"}, {"one", "r2"}}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewChecker()
			c.Drop = true
			for _, r := range tc.deliver {
				c.Delivered(r[0], r[1], Place{})
			}
			if v := c.Compare(slices.Values(offered[:2])); v.Good() != tc.good || v.Dropped != tc.dropped {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

// The same Id in another blob is another record; whatever else is missing or too much is found.
func TestCheckerNotices(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(c *Checker)
		want string
	}{
		"repeated":           {func(c *Checker) { c.Delivered("one", "r2", Place{}) }, "repeated"},
		"repeated copy":      {func(c *Checker) { c.Delivered("two", "r1", Place{}) }, "repeated"},
		"lost":               {func(c *Checker) { delete(c.records, recordKey{"one", "r2"}); c.total-- }, "lost"},
		"lost bad element":   {func(c *Checker) { delete(c.records, recordKey{"two", ""}); c.total-- }, "lost"},
		"letter lost":        {func(c *Checker) { delete(c.letters, "gone") }, "letter lost"},
		"letter repeated":    {func(c *Checker) { c.Letter("gone", Place{}) }, "letter repeated"},
		"letter unexplained": {func(c *Checker) { c.Letter("one", Place{}) }, "letter unexplained"},
		"gap lost":           {func(c *Checker) { clear(c.gaps) }, "gap lost"},
		"gap unexplained":    {func(c *Checker) { c.Gap(Gap{emulator.DLP, time.Unix(60, 0), time.Unix(61, 0), 1}) }, ""},
		"foreign":            {func(c *Checker) { c.Delivered("none", "r1", Place{}) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			checker := delivered()
			c.do(checker)
			v := checker.Compare(slices.Values(offered))
			if v.Good() {
				t.Errorf("verdict %+v is good", v)
			}
			found := slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.What == c.want })
			if c.want != "" && (len(v.Findings) != 1 || !found) {
				t.Errorf("findings %+v, want one that is %s", v.Findings, c.want)
			}
		})
	}
}

package command

import "testing"

func TestCellsKeepWhatStrangersWrote(t *testing.T) {
	for text, want := range map[string]string{
		"a|b": `a\|b`, "two\nlines": "two lines", "\x1b[2Jgone": " [2Jgone", "bad\xff": "bad ", "Größe": "Größe",
	} {
		if got := cell(text); got != want {
			t.Errorf("cell(%q) = %q, want %q", text, got, want)
		}
	}
}

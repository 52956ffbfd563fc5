package command

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The original's test cases: seconds, and none at all.
func TestTimeout(t *testing.T) {
	text, err := os.ReadFile("../transform/testdata/xsoar/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Timeout []struct{ Arg, Param, Want int }
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Timeout) != 8 {
		t.Errorf("%d cases", len(vectors.Timeout))
	}
	for _, v := range vectors.Timeout {
		got := timeout(time.Duration(v.Arg)*time.Second, time.Duration(v.Param)*time.Second)
		if got != time.Duration(v.Want)*time.Second {
			t.Errorf("argument %d, parameter %d: %s, want %d s", v.Arg, v.Param, got, v.Want)
		}
	}
}

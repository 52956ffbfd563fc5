package redact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"o365-kafka-connector/internal/transform/redact"
)

func TestProblemsOfTheSection(t *testing.T) {
	for name, tc := range map[string]struct {
		c    redact.Config
		want []string
	}{
		"fine":          {config("UserId", "remove: ClientIP", "hash:Actor.ID", "**.Subject", `a\.b`), nil},
		"no key":        {redact.Config{Fields: []string{"UserId", "remove:a"}, DLP: redact.Remove}, nil},
		"hash, no key":  {redact.Config{Fields: []string{"hash:UserId"}, DLP: redact.Keep}, []string{"key: must be set for what is hashed"}},
		"DLP, no key":   {redact.Config{DLP: redact.Hash}, []string{"key: must be set for what is hashed"}},
		"short key":     {redact.Config{DLP: redact.Hash, Key: "short-secret"}, []string{"key: must have at least 16 characters"}},
		"two keys":      {redact.Config{DLP: redact.Keep, Key: key, KeyFile: "x"}, []string{"key: key_file is set, too"}},
		"DLP":           {redact.Config{DLP: "drop"}, []string{`dlp: "drop" is unknown: use keep, hash or remove`}},
		"several paths": {config("a..b", "", "**.a.b", "ok"), []string{`fields[0]: "a..b": a name is missing`, `fields[1]: "": a name`, "fields[2]: \"**.a.b\": behind **. stands one name"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.c.Validate()
			if len(tc.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no problem was found")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("%q", lines)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("%s, want %s", lines[i], want)
				}
			}
			if strings.Contains(err.Error(), "short-secret") {
				t.Error("a problem tells the key")
			}
		})
	}
}

func TestKeyFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	c := redact.Config{Fields: []string{"UserId"}, DLP: redact.Keep, KeyFile: file}
	if _, err := redact.New(c); err == nil || !strings.Contains(err.Error(), "redact.key_file") {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := redactor(t, c).Record(blob, read(t, `{"UserId":"alice"}`)); string(out.Raw) != `{"UserId":"`+ofAlice+`"}` {
		t.Errorf("%s", out.Raw)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.KeyFile = short
	if _, err := redact.New(c); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("with a short key: %v", err)
	}
}

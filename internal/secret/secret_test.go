package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const value = "hunter2-hunter2"

type section struct {
	Password String            `yaml:"password" json:"password"`
	List     []String          `yaml:"list" json:"list"`
	Map      map[string]String `yaml:"map" json:"map"`
	Pointer  *String           `yaml:"pointer" json:"pointer"`
	Any      any               `yaml:"any" json:"any"`
}

func full() section {
	s := String(value)
	return section{
		s, []String{s}, map[string]String{"a": s}, &s, s,
	}
}

func silent(t *testing.T, how, text string) {
	t.Helper()
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), "hunter"} {
		if strings.Contains(text, form) {
			t.Errorf("%s tells the secret: %s", how, text)
		}
	}
	if !strings.Contains(text, mask) {
		t.Errorf("%s shows no mask: %s", how, text)
	}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	for _, verb := range strings.Fields("%s %v %+v %#v %q %x %X %10s %-5v %d %t %c %U %e %T%s") {
		silent(t, verb, fmt.Sprintf(verb, fill(verb)...))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		one := full()
		one.Pointer = nil // fmt prints its address
		silent(t, verb+" of a struct", fmt.Sprintf(verb, one))
		silent(t, verb+" of a pointer to a struct", fmt.Sprintf(verb, &one))
	}
	silent(t, "an error", errors.Join(fmt.Errorf("log in with %w and %v", errors.New("x"), String(value))).Error())
	silent(t, "Sprint", fmt.Sprint("a", String(value)))
}

// fill has a secret for each verb of a format.
func fill(format string) []any {
	args := make([]any, strings.Count(format, "%"))
	for i := range args {
		args[i] = String(value)
	}
	return args
}

func TestNoLogHoldsASecret(t *testing.T) {
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var out bytes.Buffer
		log := slog.New(handler(&out))
		s := full()
		s.Pointer = nil
		log.Info("x", "password", String(value))
		silent(t, name, out.String())
		out.Reset()
		log.With("password", String(value)).Info("x", slog.Group("g", slog.Any("section", s), slog.Any("list", s.List)))
		silent(t, name, out.String())
		out.Reset()
		pointer := String(value)
		log.Info("x", "pointer", &pointer)
		silent(t, name+" of a pointer", out.String())
	}
}

func TestNoEncodingHoldsASecret(t *testing.T) {
	text, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	silent(t, "JSON", string(text))
	if text, err = yaml.Marshal(full()); err != nil {
		t.Fatal(err)
	}
	silent(t, "YAML", string(text))
}

func TestSecretIsReadAndRevealed(t *testing.T) {
	var s section
	if err := yaml.Unmarshal([]byte("password: "+value+"\nlist: [1234]\n"), &s); err != nil {
		t.Fatal(err)
	}
	if s.Password.Reveal() != value || s.List[0].Reveal() != "1234" {
		t.Errorf("read %q and %q", s.Password.Reveal(), s.List[0].Reveal())
	}
	s = section{}
	if err := json.Unmarshal([]byte(`{"password":"`+value+`"}`), &s); err != nil || s.Password.Reveal() != value {
		t.Errorf("read %q, %v", s.Password.Reveal(), err)
	}
}

func TestEmptySecretShowsThatItIsEmpty(t *testing.T) {
	text, err := yaml.Marshal(section{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s|%v|%#v", String(""), String(""), String("")); got != "||" || strings.Contains(string(text), mask) {
		t.Errorf("an empty secret is printed as %q and %s", got, text)
	}
}

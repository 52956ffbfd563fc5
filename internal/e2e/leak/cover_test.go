package leak

import (
	"reflect"
	"sync"
	"testing"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/secret"
)

// covered are the settings that hold a secret, as type and field, and whether some run has had one in it.
var covered struct {
	mu  sync.Mutex // guards the following
	set map[string]bool
}

// covers notes which of all the settings that hold a secret a configuration has.
func (s *stand) covers(file string) {
	s.t.Helper()
	c, err := config.Load(file)
	if err != nil {
		s.t.Fatal(err)
	}
	covered.mu.Lock()
	defer covered.mu.Unlock()
	if covered.set == nil {
		covered.set = map[string]bool{}
	}
	walk(reflect.ValueOf(*c))
}

// coverage fails for each setting that holds a secret and that no run had one in.
func coverage(t *testing.T) {
	covered.mu.Lock()
	defer covered.mu.Unlock()
	if len(covered.set) < 5 {
		t.Errorf("only %v are covered", covered.set)
	}
	for name, tried := range covered.set {
		if !tried {
			t.Errorf("%s holds a secret, and no run has had one in it: add it to a run", name)
		}
	}
}

func walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Type == reflect.TypeFor[secret.String]() {
				name := v.Type().String() + "." + f.Name
				covered.set[name] = covered.set[name] || v.Field(i).Len() > 0
			}
			walk(v.Field(i))
		}
	}
}

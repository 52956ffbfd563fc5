package ocsf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas are those of the classes, by class_uid; each is compiled when it is needed.
var schemas sync.Map

func schemaOf(classUID string) (*jsonschema.Schema, error) {
	compile, _ := schemas.LoadOrStore(classUID, sync.OnceValues(func() (*jsonschema.Schema, error) {
		names, err := filepath.Glob("testdata/schemas/" + classUID + "_*.schema.json")
		if err != nil || len(names) != 1 {
			return nil, fmt.Errorf("class %s has the schemas %v: %w", classUID, names, err)
		}
		return jsonschema.NewCompiler().Compile(names[0])
	}))
	return compile.(func() (*jsonschema.Schema, error))()
}

// conforms returns the class of an event, and what is wrong with it: that it is no JSON on one line, not what the schema of its class says,
// that an observable is not where it is said to be, or that a profile's attributes stand there without the profile.
func conforms(event []byte) (class string, err error) {
	if bytes.ContainsAny(event, "\n\r") {
		return "", fmt.Errorf("more than one line: %s", event)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		return "", fmt.Errorf("no JSON: %w: %s", err, event)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return "", fmt.Errorf("no object: %s", event)
	}
	class = fmt.Sprint(object["class_uid"])
	s, err := schemaOf(class)
	if err != nil {
		return "", err
	}
	if err := s.Validate(v); err != nil {
		return "", fmt.Errorf("%w\n%s", err, event)
	}
	if err := observablesAreThere(object); err != nil {
		return "", fmt.Errorf("%w\n%s", err, event)
	}
	return class, profilesAreDeclared(object)
}

// ofProfiles are attributes that a class has only with a profile.
var ofProfiles = map[string]map[string][]string{
	"4009": {"host": {"actor", "device"}, "security_control": {"action_id", "disposition_id", "is_alert"}},
	"6001": {"host": {"actor", "device"}},
	"6002": {"host": {"actor", "device"}},
}

func profilesAreDeclared(event map[string]any) error {
	profiles := event["metadata"].(map[string]any)["profiles"].([]any)
	for profile, names := range ofProfiles[fmt.Sprint(event["class_uid"])] {
		for _, name := range names {
			if _, has := event[name]; has && !slices.Contains(profiles, any(profile)) {
				return fmt.Errorf("%s is of the profile %s, which is not declared", name, profile)
			}
		}
	}
	return nil
}

func observablesAreThere(event map[string]any) error {
	list, _ := event["observables"].([]any)
	for _, o := range list {
		o := o.(map[string]any)
		if !stands(event, strings.Split(o["name"].(string), "."), o["value"]) {
			return fmt.Errorf("the observable %v stands nowhere", o)
		}
	}
	return nil
}

// stands reports whether a value stands at a path, whatever the elements of arrays on the way are.
func stands(at any, path []string, value any) bool {
	switch at := at.(type) {
	case []any:
		return slices.ContainsFunc(at, func(e any) bool { return stands(e, path, value) })
	case map[string]any:
		return len(path) > 0 && stands(at[path[0]], path[1:], value)
	}
	return len(path) == 0 && at == value
}

func TestFaultsAreFound(t *testing.T) {
	good := `{"activity_id":2,"category_uid":6,"class_uid":6003,"type_uid":600302,"severity_id":1,"time":5,
		"metadata":{"version":"1.8.0","product":{"name":"x"},"profiles":["cloud"]},"cloud":{"provider":"Microsoft"},
		"actor":{"user":{"name":"a"}},"api":{"operation":"b"},"src_endpoint":{"ip":"192.0.2.1"},
		"observables":[{"name":"src_endpoint.ip","type_id":2,"value":"192.0.2.1"}]}`
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := conforms(compact.Bytes()); err != nil {
		t.Fatal(err)
	}
	for _, fault := range [][2]string{
		{`"192.0.2.1"},`, `"192.0.2.1:5"},`},
		{`600302`, `600303`},
		{`"time":5`, `"time":"5"`},
		{`"api":{"operation":"b"},`, ``},
		{`"user":{"name":"a"}`, ``},
		{`"user":{"name":"a"}`, `"user":{"name":"a","user_name":"b"}`},
		{`"value":"192.0.2.1"}]`, `"value":"192.0.2.2"}]`},
		{`"cloud":{"provider":"Microsoft"},`, ``},
		{`1.8.0`, `1.7.0`},
		{`{"activity_id"`, `{"file":{},"activity_id"`},
		{`,"observables"`, "\n" + `,"observables"`},
	} {
		bad := strings.Replace(compact.String(), fault[0], fault[1], 1)
		if _, err := conforms([]byte(bad)); bad == compact.String() || err == nil {
			t.Errorf("%s instead of %s is not found", fault[1], fault[0])
		}
	}
}

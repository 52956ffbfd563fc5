package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a key that a section may have.
type field struct {
	name  string
	value reflect.Value
}

type fields []field

// fieldsOf lists the keys of a struct by its yaml tags, those of inlined structs among them.
func fieldsOf(v reflect.Value) fields {
	var out fields
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case options == "inline":
			out = append(out, fieldsOf(v.Field(i))...)
		case name != "":
			out = append(out, field{name: name, value: v.Field(i)})
		}
	}
	return out
}

func (f fields) find(key *yaml.Node) (reflect.Value, bool) {
	for _, one := range f {
		if key.Kind == yaml.ScalarNode && one.name == key.Value {
			return one.value, true
		}
	}
	return reflect.Value{}, false
}

func (f fields) names() []string {
	names := make([]string, 0, len(f))
	for _, one := range f {
		names = append(names, one.name)
	}
	return names
}

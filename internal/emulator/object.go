package emulator

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// object is a JSON object whose members keep their order, and may repeat.
type object []field

type field struct {
	name  string
	value any
}

// list is a JSON array.
type list []any

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(f.name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		if err := e.Encode(f.value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) json() []byte {
	b, err := o.MarshalJSON()
	if err != nil {
		panic(err) // templates hold nothing that JSON cannot
	}
	return b
}

// text is JSON inside a string, as some fields have it.
func (o object) text() string { return string(o.json()) }

// set replaces a member's value.
func (o object) set(name string, value any) {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
		}
	}
}

// nameValues is the list of Name and Value that many schemas have.
func nameValues(pairs ...string) list {
	var l list
	for i := 0; i+1 < len(pairs); i += 2 {
		l = append(l, object{{"Name", pairs[i]}, {"Value", pairs[i+1]}})
	}
	return l
}

func change(name, was, is string) object {
	return object{{"Name", name}, {"NewValue", is}, {"OldValue", was}}
}

const fillerWords = "session policy evaluated request token resource application directory mailbox folder label sensitivity " +
	"conditional access device compliant tenant region replica trace operation context client version build status detail "

// filler is text of exactly n bytes that compresses about as records do.
func filler(random *rand.Rand, n int) string {
	words := strings.Fields(fillerWords)
	var b strings.Builder
	for b.Len() < n {
		if random.IntN(6) == 0 {
			b.WriteString(guid(random.Uint64(), random.Uint64()))
		} else {
			b.WriteString(words[random.IntN(len(words))])
		}
		b.WriteByte(' ')
	}
	return b.String()[:n]
}

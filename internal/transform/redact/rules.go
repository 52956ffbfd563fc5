// Package redact hashes or removes fields of a record before anything else is made of it: value, key, headers and topic
// of an event all come from what it leaves. What lies outside of these fields stays byte for byte.
//
// A field is named by its path: UserId at the top, Actor.ID within Actor. Arrays on the way are gone through, so that
// Actor.ID means the ID of each actor. In lists of names and values, as Parameters with
// {"Name":"Password","Value":"…"}, the name is part of the path as a member's would be: Parameters.Password. A dot within a
// name is written \. and **.ClientIP means every field of that name at any depth. Letter case does not count, since
// Microsoft spells names in several ways.
//
// A hash is HMAC-SHA-256 with the configured key, of the text of a string or the digits of a number: equal values have
// equal hashes, in whatever field they are, and nobody can try values out without the key. Of an array or object all
// texts and numbers within are hashed; the names of its members stay. An empty text and null have nothing to hide. A value
// that is such a hash already stays one, so that a record that goes through here twice does not change.
//
// Microsoft writes JSON into texts, too, and texts that hold JSON into those: a path that leads on into a text goes through
// the JSON in it. If it is no JSON, nobody knows where the field is, and the whole text is hashed, or null takes its place.
// The same happens to what is nested too deep to be looked through, and to a text that begins as JSON does, is none, and
// has a name in it that is meant at any depth.
package redact

import (
	"cmp"
	"errors"
	"unicode"
	"unicode/utf8"
)

// action is what becomes of a field. Of two, the greater one counts.
type action uint8

const (
	actionNone action = iota
	actionHash
	actionRemove
)

// sensitive are the fields in which records tell what DLP rules have found: the values and the text around them.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#sensitiveinformationdetections
var sensitive = []string{"SensitiveInformationDetections", "SensitiveInformationDetectionsInfo", "DetectedValues"}

// rule is what becomes of a field and of the fields within it. A nil rule says nothing.
type rule struct {
	action   action
	within   map[string]*rule // by folded name
	greatest action           // of the rules within
}

// Rules say what is redacted. They may be used concurrently.
type Rules struct {
	root     *rule
	anywhere map[string]action // by folded name
	greatest action            // of those anywhere
	secret   []byte
	any      bool // there is a rule
}

// New checks the configuration and reads the key, whose changes count from the next New on.
func New(c Config) (*Rules, error) {
	c.DLP = cmp.Or(c.DLP, Keep)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Rules{root: &rule{}, anywhere: map[string]action{}}
	var errs []error
	for _, text := range c.Fields {
		f, err := c.field(text)
		errs = append(errs, err)
		r.add(f)
	}
	if dlp := map[string]action{Hash: actionHash, Remove: actionRemove}[c.DLP]; dlp != actionNone {
		for _, name := range sensitive {
			r.add(field{action: dlp, anywhere: true, path: []string{string(appendFolded(nil, []byte(name)))}})
		}
	}
	var err error
	r.secret, err = c.secret()
	return r, errors.Join(append(errs, err)...)
}

func (r *Rules) add(f field) {
	if len(f.path) == 0 {
		return
	}
	r.any = true
	if f.anywhere {
		r.anywhere[f.path[0]] = max(r.anywhere[f.path[0]], f.action)
		r.greatest = max(r.greatest, f.action)
		return
	}
	at := r.root
	for _, name := range f.path {
		at.greatest = max(at.greatest, f.action)
		if at.within == nil {
			at.within = map[string]*rule{}
		}
		if at.within[name] == nil {
			at.within[name] = &rule{}
		}
		at = at.within[name]
	}
	at.action = max(at.action, f.action)
}

// member returns the rule of a member.
func (r *rule) member(folded []byte) *rule {
	if r == nil {
		return nil
	}
	return r.within[string(folded)]
}

// does returns what becomes of the field itself.
func (r *rule) does() action {
	if r == nil {
		return actionNone
	}
	return r.action
}

// leads reports whether there are rules about what is within.
func (r *rule) leads() bool { return r != nil && len(r.within) > 0 }

// appendFolded appends a name so that letter case does not count.
func appendFolded(dst, name []byte) []byte {
	for i, c := range name {
		if c >= utf8.RuneSelf {
			return appendFoldedRunes(dst, name[i:])
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendFoldedRunes goes by the smallest of the letters that differ in case only, such as K and the sign of Kelvin.
func appendFoldedRunes(dst, name []byte) []byte {
	for len(name) > 0 {
		c, size := utf8.DecodeRune(name)
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		dst = utf8.AppendRune(dst, unicode.ToLower(least))
		name = name[size:]
	}
	return dst
}

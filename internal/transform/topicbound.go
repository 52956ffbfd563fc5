package transform

import "sync"

// otherTopicPart stands for every placeholder of a topic that is one too many.
const otherTopicPart = "other"

// TopicBound limits to how many topics one template leads, whatever the records say, and keeps them away from topics
// that serve something else. Calls may be concurrent; a nil bound is none.
type TopicBound struct {
	limit    int
	reserved map[string]bool
	full     func(other string)

	mu    sync.Mutex                     // guards the following
	taken map[string]map[string]struct{} // names, by the topic that takes the rest
}

// NewTopicBound returns a bound of limit names for each template, of which the tenant and the content type are filled
// in. A record whose topic would be one more, or a reserved one, goes to the topic in which each placeholder is "other".
// Full, if not nil, hears once of each such topic that it takes records in the place of others.
func NewTopicBound(limit int, reserved []string, full func(other string)) *TopicBound {
	b := &TopicBound{limit: limit, reserved: map[string]bool{}, full: full, taken: map[string]map[string]struct{}{}}
	for _, name := range reserved {
		b.reserved[name] = true
	}
	return b
}

// reserves reports whether a topic serves something else than events.
func (b *TopicBound) reserves(name string) bool { return b != nil && b.reserved[name] }

// take reports whether a template may lead to a topic.
func (b *TopicBound) take(other, name string) bool {
	if b == nil || name == other {
		return true
	}
	if b.reserves(name) {
		return false
	}
	taken, first := b.count(other, name)
	if first && b.full != nil {
		b.full(other)
	}
	return taken
}

// count also reports whether the name is the first that is one too many.
func (b *TopicBound) count(other, name string) (taken, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := b.taken[other]
	if names == nil {
		names = map[string]struct{}{}
		b.taken[other] = names
	}
	if _, known := names[name]; known {
		return true, false
	}
	if len(names) >= b.limit {
		first = len(names) == b.limit
		if first {
			names[other] = struct{}{} // no name of a topic: it has been told
		}
		return false, first
	}
	names[name] = struct{}{}
	return true, false
}

// other is where records go whose topic may not be.
func (t Topic) other() string {
	rest := []byte(otherTopicPart)
	return finishTopic(t.render(nil, rest, rest))
}

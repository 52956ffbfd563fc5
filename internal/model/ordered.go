package model

import "fmt"

// opens takes the journal, at-least-once: whatever follows with a lower epoch is void.
func (o *owner) opens(epoch int) error {
	w, s := o.w, o.stream
	o.token = o.number
	if w.rules.noOpening {
		return nil
	}
	m := message{stream: s, opened: true, token: o.token, entry: entry{epoch: epoch}}
	_, err := ask(o, "take the journal", func() (int, error) { return w.kafka.append(m), nil })
	return err
}

// append publishes events, then the entry, then N, each for itself. The producer is idempotent: to repeat a request
// that was executed has no effect.
func (o *owner) append(e entry, what blobs) (position int, err error) {
	w, s := o.w, o.stream
	deliver := func() error {
		published := false
		return tell(o, fmt.Sprintf("publish %s", what), func() error {
			if !published {
				published = true
				w.deliver(s, what)
			}
			return nil
		})
	}
	if what != 0 && !w.rules.entryFirst {
		if err := deliver(); err != nil {
			return 0, err
		}
	}
	end := 0
	position, err = ask(o, fmt.Sprintf("enter %d", e.n), func() (int, error) {
		if end == 0 {
			end = w.kafka.append(message{stream: s, token: o.token, entry: e})
			w.countOrdered(s, e, end)
		}
		return end, nil
	})
	if err == nil && what != 0 && w.rules.entryFirst {
		err = deliver()
	}
	if err != nil {
		return 0, err
	}
	err = tell(o, fmt.Sprint("commit offset ", e.n), func() error { return w.kafka.plainOffset(s, offset{e.n, e.epoch}) })
	return position, err
}

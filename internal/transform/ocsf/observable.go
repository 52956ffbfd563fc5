package ocsf

// observable is a value of the event that is repeated in observables, where those who search for an address or a user
// find it in one place.
type observable struct {
	prefix     []byte // the object up to the value
	start, end int    // the value in the event
}

func (e *Encoder) writeObservables() {
	if len(e.observables) == 0 {
		return
	}
	e.out = append(e.out, `,"observables":[`...)
	for i, o := range e.observables {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = append(e.out, o.prefix...)
		e.out = append(append(e.out, e.out[o.start:o.end]...), '}')
	}
	e.out = append(e.out, ']')
	e.observables = e.observables[:0]
}

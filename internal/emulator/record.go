package emulator

import (
	"bytes"
	"math/rand/v2"
	"time"
)

const (
	poolSize   = 256 // different records of a stream, apart from their Ids and times
	timeLength = len("2006-01-02T15:04:05")

	// What stands in a template where something is put in for each record.
	markID   = "@record-id@@@@@@@@@@@@@@@@@@@@@@@@@@"
	markGUID = "@another-guid@@@@@@@@@@@@@@@@@@@@@@@"
	markTime = "@creation-time@@@@@"
)

// template is a record with gaps.
type template struct {
	text  []byte
	id    int   // where the Id goes
	times []int // where times go
	guids []int // where GUIDs of the record's own go
}

// recordPool is what the records of a stream are copied from. It is made once and then only read.
type recordPool struct {
	templates [poolSize]template
	average   int // length
}

func newRecordPool(s *stream) *recordPool {
	m := newMaker(s)
	records := make([]object, poolSize)
	for i := range records {
		records[i] = m.record(s.contentType)
	}
	texts := pad(records, s.recordBytes, m.random)
	p := &recordPool{}
	total := 0
	for i, text := range texts {
		p.templates[i] = newTemplate(text)
		total += len(text)
	}
	p.average = total / poolSize
	return p
}

func newTemplate(text []byte) template {
	return template{
		text: text, id: bytes.Index(text, []byte(markID)),
		times: allIndexes(text, markTime), guids: allIndexes(text, markGUID),
	}
}

func allIndexes(text []byte, mark string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(mark))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// pad makes the records as long as they have to be for their average to be size, the short ones first.
func pad(records []object, size int, random *rand.Rand) [][]byte {
	texts := make([][]byte, len(records))
	total := 0
	for i, r := range records {
		texts[i] = r.json()
		total += len(texts[i])
	}
	missing := size*len(records) - total
	if missing <= 0 {
		return texts
	}
	level := padLevel(texts, missing)
	for i, r := range records {
		if room := level - len(texts[i]) - len(`,"AuditContext":""`); room > 0 {
			texts[i] = append(r, field{"AuditContext", filler(random, room)}).json()
		}
	}
	return texts
}

// padLevel is the length up to which all shorter texts must grow to take up the missing bytes.
func padLevel(texts [][]byte, missing int) int {
	low, high := 0, missing+1<<20
	for low < high {
		level := (low + high) / 2
		need := 0
		for _, t := range texts {
			need += max(0, level-len(t))
		}
		if need < missing {
			low = level + 1
		} else {
			high = level
		}
	}
	return low
}

func hashOf(key uint64, p place) uint64 {
	return mix(mix(key+uint64(p.blob)) ^ uint64(p.ordinal)*0xd1342543de82ef95)
}

// recordID is the Id of a record, which follows from its place alone.
func recordID(key uint64, p place) string {
	h := hashOf(key, p)
	return guid(mix(h), h)
}

func (p *recordPool) of(key uint64, pl place) *template {
	return &p.templates[hashOf(key, pl)%poolSize]
}

func (p *recordPool) length(key uint64, pl place) int { return len(p.of(key, pl).text) }

// append writes a record to the end of b.
func (p *recordPool) append(b []byte, s *stream, pl place, at *patcher) []byte {
	at.goTo(s, pl.blob)
	h := hashOf(s.key, pl)
	t := &p.templates[h%poolSize]
	start := len(b)
	b = append(b, t.text...)
	record := b[start:]
	putGUID(record[t.id:], mix(h), h)
	for _, i := range t.guids {
		putGUID(record[i:], mix(h+1), ^h)
	}
	for _, i := range t.times {
		at.putTime(record[i:], h)
	}
	return b
}

// patcher remembers what the records of a blob have in common.
type patcher struct {
	ready bool
	blob  int
	unix  int64
	day   int64
	date  [len("2006-01-02T")]byte
}

func (p *patcher) goTo(s *stream, blob int) {
	if p.ready && p.blob == blob {
		return
	}
	*p = patcher{ready: true, blob: blob, unix: s.line.created(blob).Unix(), day: -1}
}

// putTime writes a time 60 to 90 minutes before the blob's: events take that long to be available.
func (p *patcher) putTime(dst []byte, h uint64) {
	const day = 24 * 60 * 60
	t := p.unix - 3600 - int64(h>>32%1800)
	if t/day != p.day {
		p.day = t / day
		copy(p.date[:], time.Unix(t, 0).UTC().Format("2006-01-02T"))
	}
	dst = dst[:timeLength]
	copy(dst, p.date[:])
	second := t % day
	put2(dst[11:], second/3600)
	dst[13] = ':'
	put2(dst[14:], second/60%60)
	dst[16] = ':'
	put2(dst[17:], second%60)
}

func put2(dst []byte, n int64) {
	dst[0], dst[1] = byte('0'+n/10), byte('0'+n%10)
}

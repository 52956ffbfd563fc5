package emulator

import (
	"bufio"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"time"
)

// TruthBlob is a blob that was offered by now, and what a client must make of it.
type TruthBlob struct {
	Tenant      string    `json:"tenant"`
	ContentType string    `json:"content_type"`
	ContentID   string    `json:"content_id"`
	Created     time.Time `json:"created"`
	Unavailable string    `json:"unavailable,omitempty"` // "lost" or "expired": a client cannot have its records (any more)
	Bad         int       `json:"bad,omitempty"`         // elements after the records that are no records
	Records     []string  `json:"records"`               // the Ids in their order, as often as they are there
}

// TruthSummary counts what was offered by now.
type TruthSummary struct {
	TruthCounts
	Streams []TruthStream `json:"streams"`
}

// TruthCounts is what a stream, or all of them, offered by now.
type TruthCounts struct {
	Blobs              int `json:"blobs"`               // that can be read
	Records            int `json:"records"`             // in them, repeats included
	UniqueRecords      int `json:"unique_records"`      // by Id, in blobs that can be read
	BadElements        int `json:"bad_elements"`        // besides the records
	UnavailableBlobs   int `json:"unavailable_blobs"`   // listed, but lost or expired
	UnavailableRecords int `json:"unavailable_records"` // in them
}

// TruthStream is TruthCounts of one stream.
type TruthStream struct {
	Tenant      string `json:"tenant"`
	ContentType string `json:"content_type"`
	TruthCounts
}

// Truth yields every blob offered by now, stream by stream, under the faults in force. Empty arguments mean all.
func (e *Emulator) Truth(tenant, contentType string) iter.Seq[TruthBlob] {
	return func(yield func(TruthBlob) bool) {
		for _, s := range e.order {
			if !s.is(tenant, contentType) {
				continue
			}
			v := e.view(s)
			for i := range v.blobs {
				if v.offered(i) && !yield(v.truth(i)) {
					return
				}
			}
		}
	}
}

func (s *stream) is(tenant, contentType string) bool {
	return (tenant == "" || strings.EqualFold(tenant, s.tenant.ID)) &&
		(contentType == "" || strings.EqualFold(contentType, s.contentType))
}

func (v *view) truth(blob int) TruthBlob {
	p := v.places(blob)
	t := TruthBlob{
		Tenant: v.tenant.ID, ContentType: v.contentType, ContentID: v.contentID(blob), Created: v.created(blob),
		Unavailable: v.unavailable(blob), Records: make([]string, 0, p.len()),
	}
	if p.bad {
		t.Bad = 2
	}
	for pl := range p.all {
		t.Records = append(t.Records, recordID(v.key, pl))
	}
	return t
}

// TruthSummary counts what was offered by now, under the faults in force.
func (e *Emulator) TruthSummary() TruthSummary {
	sum := TruthSummary{Streams: []TruthStream{}}
	for _, s := range e.order {
		counts := e.view(s).count()
		sum.add(counts)
		sum.Streams = append(sum.Streams, TruthStream{Tenant: s.tenant.ID, ContentType: s.contentType, TruthCounts: counts})
	}
	return sum
}

func (t *TruthCounts) add(o TruthCounts) {
	t.Blobs += o.Blobs
	t.Records += o.Records
	t.UniqueRecords += o.UniqueRecords
	t.BadElements += o.BadElements
	t.UnavailableBlobs += o.UnavailableBlobs
	t.UnavailableRecords += o.UnavailableRecords
}

// count needs no set of all records: the only ones that are there twice are copies, and they are few.
func (v *view) count() TruthCounts {
	var t TruthCounts
	rescued := map[place]bool{} // records of blobs that cannot be read, found as copies in others
	for i := range v.blobs {
		if !v.offered(i) {
			continue
		}
		p := v.places(i)
		if v.unavailable(i) != "" {
			t.UnavailableBlobs++
			t.UnavailableRecords += p.len()
			continue
		}
		t.Blobs++
		t.Records += p.len()
		t.UniqueRecords += p.own
		if p.bad {
			t.BadElements += 2
		}
		for _, c := range p.copies {
			if !v.offered(c.blob) || v.unavailable(c.blob) != "" {
				rescued[c] = true
			}
		}
	}
	t.UniqueRecords += len(rescued)
	return t
}

func (c *call) serveTruth() {
	if strings.TrimSuffix(c.r.URL.Path, "/") == "/truth/summary" {
		body, err := json.MarshalIndent(c.e.TruthSummary(), "", "  ")
		c.ownPage(http.StatusOK, body, err)
		return
	}
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriterSize(c.w, chunk)
	encoder := json.NewEncoder(out)
	for blob := range c.e.Truth(c.query("tenant"), c.query("content_type")) {
		if err := encoder.Encode(blob); err != nil {
			return
		}
	}
	_ = out.Flush()
}

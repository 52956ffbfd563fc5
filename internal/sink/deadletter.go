package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// deadLetter encodes a dead letter for its topic.
func (p *publisher) deadLetter(ctx context.Context, d audit.DeadLetter, index int32) error {
	r := p.letterRecord(d)
	return p.add(ctx, p.sink.config.DeadLetterTopic, r, origin{batch: fromDeadLetter, ordinal: index})
}

// letterRecord makes headers of its own: a dead letter may come up while an event waits to be appended with p.headers.
func (p *publisher) letterRecord(d audit.DeadLetter) txn.Record {
	headers := &txn.Headers{}
	for _, h := range deadLetterHeaders(d, p.sink.options.Version) {
		headers.Add(h.Name, h.Value)
	}
	return txn.Record{Key: []byte(deadLetterKey(d)), Value: deadLetterValue(d), Headers: headers}
}

// deadLetterKey is the dead letter's id: the same for the same blob or record, whenever it is refused.
func deadLetterKey(d audit.DeadLetter) string {
	place := "blob"
	if d.Record {
		place = strconv.Itoa(d.Ordinal)
	}
	if d.Record && d.Several {
		place += "\x00" + d.Topic + "\x00" + d.Form()
	}
	sum := sha256.Sum256([]byte(d.Stream.Key() + "\x00" + d.Blob.ID + "\x00" + place))
	return hex.EncodeToString(sum[:16])
}

// deadLetterHeaders leaves out what has no value.
func deadLetterHeaders(d audit.DeadLetter, version string) []audit.Header {
	kind, ordinal := "blob", ""
	if d.Record {
		kind, ordinal = "record", strconv.Itoa(d.Ordinal)
	}
	var out []audit.Header
	add := func(name, value string) {
		if value != "" {
			out = append(out, audit.Header{Name: name, Value: []byte(value)})
		}
	}
	add("tenant", d.Stream.Tenant.ID)
	add("content_type", string(d.Stream.ContentType))
	add("content_id", d.Blob.ID)
	add("record_id", d.RecordID)
	add("ordinal", ordinal)
	add("topic", d.Topic)
	add("format", d.Format)
	add("kind", kind)
	add("cause", string(d.Cause))
	add("error", d.Error)
	add("attempts", strconv.Itoa(d.Attempts))
	add("first_failed", timeText(d.FirstFailed))
	add("last_failed", timeText(d.LastFailed))
	if d.Size > 0 {
		add("size", strconv.FormatInt(d.Size, 10))
	}
	add("sha256", d.SHA256)
	add("connector_version", version)
	return out
}

// blobReference stands for bytes that nobody has or that are too large: enough to fetch the blob again.
type blobReference struct {
	ContentID         string `json:"content_id"`
	ContentURI        string `json:"content_uri,omitzero"`
	ContentCreated    string `json:"content_created,omitzero"`
	ContentExpiration string `json:"content_expiration,omitzero"`
}

func deadLetterValue(d audit.DeadLetter) []byte {
	if d.Value != nil {
		return d.Value
	}
	created := d.Blob.Listed
	if created == "" {
		created = timeText(d.Blob.Created)
	}
	value, _ := json.Marshal(blobReference{ // strings cannot fail but for invalid UTF-8, which is allowed
		ContentID: d.Blob.ID, ContentURI: d.Blob.URI, ContentCreated: created, ContentExpiration: timeText(d.Blob.Expires),
	}, allowAnyText)
	return value
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLongAnswersComeInParts(t *testing.T) {
	onKafka(t, func(r *rig) {
		s := streamsOf(contoso)[0]
		var calls atomic.Int32
		r.join("a", change{handle: func(m *member) Handler {
			return func(_ context.Context, c Command, emit func(Reply) error) error {
				calls.Add(1)
				for i := range 5 {
					var list []map[string]any
					for j := range 1200 {
						list = append(list, map[string]any{"ID": fmt.Sprint(i*1200 + j), "Text": strings.Repeat("x", 1000)})
					}
					context, err := Context(map[string]any{"MicrosoftManagement": map[string]any{"ContentRecord": list}})
					if err != nil {
						return err
					}
					if err := emit(Reply{Context: context}); err != nil {
						return err
					}
				}
				if c.ID == "fails" {
					return errors.New("list content: the API is away")
				}
				return nil
			}
		}})
		r.whole(10*time.Second, "a")
		for _, id := range []string{"long", "fails"} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			records, parts := 0, 0
			var last Reply
			for reply, err := range r.client.Do(ctx, Command{ID: id, Name: ListContent, Tenant: tenantID, Arguments: Arguments{ContentType: s.ContentType}}) {
				if err != nil {
					t.Fatal(err)
				}
				parts++
				if last = reply; reply.Part != parts {
					t.Errorf("part %d is number %d", parts, reply.Part)
				}
				var c struct {
					MicrosoftManagement struct{ ContentRecord []struct{ ID string } }
				}
				if err := json.Unmarshal(reply.Context, &c); err != nil {
					t.Fatal(err)
				}
				for _, record := range c.MicrosoftManagement.ContentRecord {
					if record.ID != fmt.Sprint(records) {
						t.Fatalf("record %d is %s", records, record.ID)
					}
					records++
				}
			}
			cancel()
			want := OutcomeDone
			if id == "fails" {
				want = OutcomeFailed
			}
			if records != 6000 || !last.Last || last.Outcome != want || parts < 7 {
				t.Errorf("%s: %d records in %d parts, the last one %+v", id, records, parts, last.Outcome)
			}
		}
	})
}

package transform

import (
	"runtime"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// signIn is a record of some 1.5 KB with the members of a sign-in, the most frequent of the large ones.
const signIn = `{"CreationTime":"2026-11-23T09:12:44","Id":"7b1c2f0e-56a1-4d0b-8d5c-0f4d1a2b3c4d","Operation":"UserLoggedIn",` +
	`"OrganizationId":"11111111-1111-1111-1111-111111111111","RecordType":15,"ResultStatus":"Success",` +
	`"UserKey":"5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10","UserType":0,"Version":1,"Workload":"AzureActiveDirectory",` +
	`"ClientIP":"198.51.100.27","ObjectId":"00000003-0000-0ff1-ce00-000000000000","UserId":"megan.bowen@contoso.example",` +
	`"AzureActiveDirectoryEventType":1,"ExtendedProperties":[{"Name":"ResultStatusDetail","Value":"Redirect"},` +
	`{"Name":"UserAgent","Value":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) ` +
	`Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"},{"Name":"RequestType","Value":"OAuth2:Authorize"}],` +
	`"ModifiedProperties":[],"Actor":[{"ID":"5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10","Type":0},` +
	`{"ID":"megan.bowen@contoso.example","Type":5}],"ActorContextId":"11111111-1111-1111-1111-111111111111",` +
	`"ActorIpAddress":"198.51.100.27","InterSystemsId":"0e5b1c9a-7d34-4b6f-8a11-9c0d2e3f4a5b",` +
	`"IntraSystemId":"3c2b1a09-8f7e-6d5c-4b3a-291807f6e5d4","SupportTicketId":"","Target":[{"ID":` +
	`"00000003-0000-0ff1-ce00-000000000000","Type":0}],"TargetContextId":"11111111-1111-1111-1111-111111111111",` +
	`"ApplicationId":"08e18876-6177-487e-b8b5-cf950c1e598c","DeviceProperties":[{"Name":"OS","Value":"Windows10"},` +
	`{"Name":"BrowserType","Value":"Edge"},{"Name":"SessionId","Value":"9d8c7b6a-5f4e-3d2c-1b0a-99887766554f"}],` +
	`"ErrorNumber":"0"}`

func BenchmarkEvent(b *testing.B) {
	for _, format := range formats {
		b.Run(format, func(b *testing.B) {
			o := options()
			o.Output.Format = format
			o.Topic = "o365.{workload}"
			o.Filter.Not.Operations = List{"MailItemsAccessed"}
			x := transformer(b, o)
			r := record(signIn)
			b.SetBytes(int64(len(signIn)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, _ := x.Event(blob, r); !ok {
					b.Fatal("dropped")
				}
			}
		})
	}
}

func TestEventAllocatesNothing(t *testing.T) {
	for _, format := range formats {
		o := options()
		o.Output.Format = format
		o.Topic = "o365.{workload}.{record_type}"
		o.Filter.Workloads = List{"azureActiveDirectory"}
		o.Filter.Operations = List{"userLOGGEDin"}
		x := transformer(t, o)
		r := record(signIn)

		if n := testing.AllocsPerRun(100, func() { _, _, _ = x.Event(blob, r) }); n != 0 {
			t.Errorf("%s: %v allocations for a record, want none", format, n)
		}
	}
}

func TestGrowthIsRight(t *testing.T) {
	r := record(signIn)
	for _, format := range formats {
		o := options()
		o.Output.Format = format
		x := transformer(t, o)
		b := audit.NewBatch(stream, blob, 1<<20, nil)
		if err := b.Append(event(t, x, r)); err != nil {
			t.Fatal(err)
		}
		got := float64(b.Size()) / float64(len(r.Raw))
		if want := x.Growth(); got > want*1.1 || got < want*0.9 {
			t.Errorf("%s: %d bytes became %d, factor %.2f; Growth() tells %.2f", format, len(r.Raw), b.Size(), got, want)
		}
		if err := b.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBufferOfHugeRecordIsNotKept(t *testing.T) {
	x := transformer(t, options())
	event(t, x, record(`{"Id":"1","Data":"`+strings.Repeat("x", 3<<20)+`"}`))
	event(t, x, record(signIn))
	if cap(x.value) > keepBuffer {
		t.Errorf("after a huge record the buffer still has %d bytes", cap(x.value))
	}
}

// TestLargeTextIsCopiedOnce has a member that is asked for many times, of several MB and with one escape. Most that an event
// of it takes is the event itself, in a buffer that grows.
func TestLargeTextIsCopiedOnce(t *testing.T) {
	text := strings.Repeat("x", 2<<20)
	for name, most := range map[string]float64{"UserId": 25, "ClientIP": 5, "ResultStatus": 5} { // bytes for one of the record
		raw := `{"CreationTime":"2026-01-05T08:00:00","Id":"1","RecordType":15,"Operation":"UserLoggedIn","` + name + `":"\"` + text + `"}`
		for _, format := range []string{FormatECS, FormatOCSF} {
			o := options()
			o.Output.Format = format
			x, r := transformer(t, o), record(raw)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			event(t, x, r)
			runtime.ReadMemStats(&after)
			if times := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(raw)); times > most {
				t.Errorf("%s of a large %s: %.1f bytes for each of the record, want %v at most", format, name, times, most)
			}
		}
	}
}

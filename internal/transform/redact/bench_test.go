package redact_test

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/transform/redact"
)

// BenchmarkRecord redacts a record of 1.3 KB as it is usual.
func BenchmarkRecord(b *testing.B) {
	raw := `{"CreationTime":"2026-01-05T08:00:00","Id":"1","Operation":"UserLoggedIn","OrganizationId":"22222222-2222-2222-2222-222222222222",
"RecordType":15,"ResultStatus":"Success","UserKey":"10032001@contoso.com","UserType":0,"Workload":"AzureActiveDirectory","ClientIP":"192.0.2.1",
"UserId":"alice@contoso.com","ExtendedProperties":[{"Name":"UserAgent","Value":"` + strings.Repeat("Mozilla ", 30) + `"},{"Name":"RequestType","Value":"Login"}],
"ModifiedProperties":[],"Actor":[{"ID":"11111111-1111-1111-1111-111111111111","Type":0},{"ID":"alice@contoso.com","Type":5}],
"DeviceProperties":[{"Name":"OS","Value":"Windows"},{"Name":"SessionId","Value":"33333333-3333-3333-3333-333333333333"}],"Note":"` + strings.Repeat("x", 300) + `"}`
	r := read(b, raw)
	for name, c := range map[string]redact.Config{
		"two fields":            config("UserId", "remove:ClientIP"),
		"paths":                 config("UserId", "Actor.ID", "ExtendedProperties.UserAgent", "remove:DeviceProperties.SessionId"),
		"anywhere, DLP removed": {Fields: []string{"**.ClientIP"}, Key: key, DLP: redact.Remove},
	} {
		b.Run(name, func(b *testing.B) {
			x := redactor(b, c)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				x.Record(blob, r)
			}
		})
	}
}

package facts_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

func TestOutcome(t *testing.T) {
	tests := []struct {
		operation, status string
		want              facts.Outcome
	}{
		{"UserLoginFailed", "Success", facts.Failure}, // what two thirds of them say
		{"UserLoginFailed", "Failed", facts.Failure},
		{" userloginfailed", "", facts.Failure},
		{"UserLoggedIn", "Success", facts.Success},
		{"UserLoggedIn", "", facts.Success},
		{"Add member to role.", "Success", facts.Success},
		{"Add member to role.", "success", facts.Success},
		{"Add member to role.", "Failure", facts.Failure},
		{"Add member to role.", "", facts.Unknown},
		{"Set-Mailbox", "True", facts.Success},
		{"Set-Mailbox", "TRUE", facts.Success},
		{"Set-Mailbox", "False", facts.Failure},
		{"Set-Mailbox", "", facts.Unknown},
		{"MailItemsAccessed", "PartiallySucceeded", facts.Success},
		{"MailItemsAccessed", "Failed", facts.Failure},
		{"AlertTriggered", "Successful", facts.Success},
		{"AlertEntityGenerated", "New", facts.Unknown},
		{"FileDownloaded", "", facts.Success},
		{"FileDownloaded", "Failed", facts.Failure},
		{"FileSyncUploadedFull", "", facts.Success},
		{"SharingPolicyChanged", "", facts.Success},
		{"UnmanagedSyncClientBlocked", "", facts.Failure},
		{"AccessRequestDenied", "Succeeded", facts.Failure},
		{"DlpRuleMatch", "", facts.Unknown},
		{"", "", facts.Unknown},
		{"", "Succeeded", facts.Success},
	}
	for _, test := range tests {
		if got := facts.OutcomeOf(table.Fold(nil, []byte(test.operation)), []byte(test.status)); got != test.want {
			t.Errorf("outcome of %q with %q = %v, want %v", test.operation, test.status, got, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	tests := []struct {
		text, ip, host string
		port           uint16
	}{
		{"203.0.113.7", "203.0.113.7", "", 0},
		{"203.0.113.7:50123", "203.0.113.7", "", 50123},
		{"[203.0.113.7]:50123", "203.0.113.7", "", 50123},
		{"[203.0.113.7]", "203.0.113.7", "", 0},
		{"2001:DB8::1", "2001:db8::1", "", 0},
		{"[2001:db8::1]:443", "2001:db8::1", "", 443},
		{"[2001:db8::1]", "2001:db8::1", "", 0},
		{"::ffff:203.0.113.7", "203.0.113.7", "", 0},
		{"[::ffff:203.0.113.7]:443", "203.0.113.7", "", 443},
		{"fe80::1%12", "fe80::1", "", 0},
		{"::1", "::1", "", 0},
		{" 203.0.113.7 , 198.51.100.1", "203.0.113.7", "", 0},
		{"EXCH01 (10.90.0.1)", "10.90.0.1", "EXCH01", 0},
		{"[EXCH01 (10.9000.0.1)]", "", "EXCH01", 0},
		{"mail.contoso.example", "", "mail.contoso.example", 0},
		{"mail.contoso.example:25", "", "mail.contoso.example", 25},
		{"[mail.contoso.example]:25", "", "mail.contoso.example", 25},
		{"", "", "", 0},
		{"<null>", "", "", 0},
		{"[]", "", "", 0},
		{"[", "", "", 0},
		{"203.0.113.7:", "", "", 0},
		{"203.0.113.7:99999", "", "", 0},
		{"203.0.113.999", "", "", 0},
		{"[2001:db8::1]443", "", "", 0},
		{"not an address", "", "", 0},
		{"\xff\xfe", "", "", 0},
	}
	for _, test := range tests {
		got := facts.ParseAddress([]byte(test.text))
		ip := ""
		if got.IP.IsValid() {
			ip = got.IP.String()
		}
		if ip != test.ip || string(got.Host) != test.host || got.Port != test.port || got.Known() != (ip != "" || test.host != "") {
			t.Errorf("address of %q = %q %q port %d; want %q %q port %d", test.text, ip, got.Host, got.Port, test.ip, test.host, test.port)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"[::ffff:1.2.3.4]:5", "a (1.2.3.4)", "1.2.3.4:5,6.7.8.9", "[a:b]:1", "::%x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := facts.ParseAddress(text)
		if !utf8.Valid(got.Host) || len(got.Host) > 253 || got.IP.Is4In6() || got.IP.Zone() != "" {
			t.Fatalf("address of %q = %+v", text, got)
		}
		if ip, err := netip.ParseAddr(string(text)); err == nil && ip.Zone() == "" && got.IP != ip.Unmap() {
			t.Fatalf("address of %q = %v, want %v", text, got.IP, ip.Unmap())
		}
	})
}

func TestUser(t *testing.T) {
	tests := []struct{ id, name, domain, email string }{
		{"megan.bowen@contoso.example", "megan.bowen", "contoso.example", "megan.bowen@contoso.example"},
		{"a_b.example#EXT#@contoso.onmicrosoft.com", "a_b.example#EXT#", "contoso.onmicrosoft.com", "a_b.example#EXT#@contoso.onmicrosoft.com"},
		{"app@sharepoint", "app", "sharepoint", ""},
		{"björn@contoso.example", "björn", "contoso.example", ""},
		{`SHAREPOINT\system`, "system", "SHAREPOINT", ""},
		{`NT AUTHORITY\SYSTEM (Microsoft.Exchange.ServiceHost)`, "SYSTEM", "NT AUTHORITY", ""},
		{"i:0h.f|membership|1003bffd@live.com", "i:0h.f|membership|1003bffd@live.com", "", ""},
		{`"Megan" on behalf of "Adele"`, `"Megan" on behalf of "Adele"`, "", ""},
		{"ServicePrincipal_5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10", "ServicePrincipal_5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10", "", ""},
		{"S-1-5-18", "S-1-5-18", "", ""},
		{"a@b@c", "a@b@c", "", ""},
		{"@", "@", "", ""},
		{`\`, `\`, "", ""},
		{`a\ (b)`, `a\ (b)`, "", ""},
		{"", "", "", ""},
	}
	for _, test := range tests {
		got := facts.ParseUser([]byte(test.id))
		if string(got.Name) != test.name || string(got.Domain) != test.domain || string(got.Email) != test.email {
			t.Errorf("user of %q = %q %q %q, want %q %q %q", test.id, got.Name, got.Domain, got.Email, test.name, test.domain, test.email)
		}
	}
	for number, want := range map[int64]string{0: "Regular", 10: "Guest", 11: "", -1: ""} {
		if got, ok := facts.UserTypeName(number); got != want || ok != (want != "") {
			t.Errorf("user type %d = %q, want %q", number, got, want)
		}
	}
}

func TestTimesAreWrittenOnlyWhereTheyCanBeRead(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2026-11-23T08:12:44.5Z": time.Date(2026, 11, 23, 9, 12, 44, 5e8, time.FixedZone("", 3600)),
		"":                       {},
		"9999-12-31T23:59:59Z":   time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got := string(facts.AppendTime(nil, at)); got != want {
			t.Errorf("%v became %q, want %q", at, got, want)
		}
	}
	if got := facts.AppendTime(nil, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)); len(got) > 0 {
		t.Errorf("the year 10000 became %q", got)
	}
}

func TestPairsAndSeverity(t *testing.T) {
	record := map[string]any{
		"List": []any{
			map[string]any{"Name": "A", "Value": "1"},
			map[string]any{"Name": "A", "Value": "2"},
			"B", nil,
			map[string]any{"Name": "C", "OldValue": "o", "NewValue": "n"},
			map[string]any{"Name": 7, "Value": nil},
			map[string]any{"Value": "x"},
		},
		"Object": map[string]any{"A": "3"},
		"PolicyDetails": []any{
			map[string]any{"Rules": []any{map[string]any{"Severity": "low"}, map[string]any{"Severity": "HIGH"}}}, nil, map[string]any{"Rules": "x"},
		},
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	var x tree.Tree
	if err := x.Parse(text); err != nil {
		t.Fatal(err)
	}
	list := x.Get(x.Root(), "List")
	for name, want := range map[string]string{"A": "1", "C": "n", "B": "", "D": ""} {
		if got := string(x.Text(facts.Named(&x, list, name))); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := string(x.Text(facts.Named(&x, x.Get(x.Root(), "Object"), "A"))); got != "3" {
		t.Errorf("A of an object = %q, want 3", got)
	}
	pairs, changes := 0, 0
	for n := x.First(list); n != tree.None; n = x.Next(n) {
		if p, ok := facts.PairOf(&x, n); ok {
			pairs++
			if p.Change {
				changes++
			}
		}
	}
	if pairs != 4 || changes != 1 {
		t.Errorf("%d pairs and %d changes, want 4 and 1", pairs, changes)
	}
	if got := facts.SeverityOf(&x, x.Root()); got != facts.High || got.String() != "High" {
		t.Errorf("severity %v, want High", got)
	}
	if got := facts.SeverityOf(&x, list); got != facts.NoSeverity {
		t.Errorf("severity of a list %v", got)
	}
}

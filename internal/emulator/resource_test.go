package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

func TestNotifications(t *testing.T) {
	r := newRig(t, dense)
	link := strings.Replace(r.content(emulator.SharePoint, noon.Add(-24*time.Hour), noon), "/content?", "/notifications?", 1)
	var list []map[string]string
	if err := json.Unmarshal([]byte(r.get(link).body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 30 || list[0]["notificationStatus"] != "success" || list[0]["contentId"] == "" {
		t.Errorf("%d: %v", len(list), list[0])
	}
}

func TestSensitiveTypes(t *testing.T) {
	r := newRig(t, emulator.Config{})
	for language, want := range map[string]string{"": "200 ", "de-DE": "200 ", "de,en": "400 AF20053", "de;q=1": "400 AF20054"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.root()+"/resources/dlpSensitiveTypes", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+static)
		req.Header.Set("Accept-Language", language)
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Error(err)
		}
		res.Body.Close()
		if got := r.Stats().Count("sensitive-types", strings.TrimSpace(want)); got == 0 {
			t.Errorf("%q: %d, want %s", language, res.StatusCode, want)
		}
	}
}

func TestWebhookIsStored(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	start := func(body string) reply {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, withPublisher(r.root()+"/subscriptions/start?contentType=DLP.All"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+static)
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return reply{status: res.StatusCode}
	}
	if a := start(`{"webhook":{"address":"http://plain.example"}}`); a.status != http.StatusBadRequest {
		t.Errorf("plain HTTP: %d", a.status)
	}
	if a := start(`{"webhook":{"address":"https://hook.example","expiration":"2020-01-01"}}`); a.status != http.StatusBadRequest {
		t.Errorf("past expiration: %d", a.status)
	}
	if a := start(`{"Webhook":{"address":"https://hook.example","authid":"x","expiration":""}}`); a.status != http.StatusOK {
		t.Errorf("%d", a.status)
	}
	if a := r.get(r.root() + "/subscriptions/list"); !strings.Contains(a.body, `"address":"https://hook.example","authId":"x"`) {
		t.Error(a.body)
	}
}

func TestStopOfferingByHTTP(t *testing.T) {
	r := newRig(t, emulator.Config{Rate: 10})
	r.pass(time.Minute)
	if a := r.do(http.MethodPost, r.url+"/stop", ""); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	n := r.TruthSummary().Records
	r.pass(time.Hour)
	if now := r.TruthSummary().Records; now != n || n == 0 {
		t.Errorf("%d records, then %d", n, now)
	}
	if a := r.do(http.MethodGet, r.url+"/", ""); !strings.Contains(a.body, "/truth") {
		t.Error(a.body)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	err := emulator.Config{
		Tenants: []emulator.Tenant{{ID: "contoso"}, {ID: tenant}, {ID: tenant}}, ContentTypes: []string{"Audit.All"}, Rate: -1,
		Faults: []emulator.Fault{{Kind: "nonsense"}},
	}.Validate()
	for _, want := range []string{`tenant "contoso"`, "is there twice", "Audit.All", "negative", "fault 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

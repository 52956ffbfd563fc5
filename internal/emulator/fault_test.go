package emulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

func (r *rig) fault(faults ...emulator.Fault) {
	r.t.Helper()
	if err := r.SetFaults(faults...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) subscriptionList() string { return r.root() + "/subscriptions/list" }

func TestFaultsByFlagAndByJSON(t *testing.T) {
	want := emulator.Fault{
		Kind: emulator.Throttle, Tenant: tenant, Operation: "blob", First: 3, Probability: 0.5, Burst: 2, Status: 429,
		RetryAfter: 2 * time.Second, SingleQuotes: true,
	}
	got, err := emulator.ParseFault("throttle,tenant=" + tenant + ",operation=blob,first=3,probability=0.5,burst=2,status=429,retry_after=2s,single_quotes=true")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var back emulator.Fault
	if err := json.Unmarshal(text, &back); err != nil || !strings.Contains(string(text), `"retry_after":"2s"`) {
		t.Errorf("%s: %v", text, err)
	}
	if diff := cmp.Diff(want, back); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "nonsense", "slow,delay=long", "slow,delay", "slow,unknown=1", "cut,bytes=-1", "cut,first=x", "error,probability=2", "slow,operation=x", "late,content_type=x"} {
		if _, err := emulator.ParseFault(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("late,delay=2m,probability=0.1")
	f.Add("error,text=a=b,count=1e9")
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			return
		}
		data, err := json.Marshal(fault)
		if err != nil {
			t.Fatal(err)
		}
		var back emulator.Fault
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	})
}

func TestFaultsByHTTP(t *testing.T) {
	r := newRig(t, emulator.Config{})
	send := func(method, body string) (int, []map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var list []map[string]any
		_ = json.NewDecoder(res.Body).Decode(&list)
		return res.StatusCode, list
	}
	if status, list := send(http.MethodPut, `[{"kind":"error","code":"AF20012","first":1}]`); status != 200 || len(list) != 1 {
		t.Errorf("put: %d %v", status, list)
	}
	if _, list := send(http.MethodPost, `[{"kind":"slow","delay":"1ms"}]`); len(list) != 2 {
		t.Errorf("post: %v", list)
	}
	codes := []string{r.get(r.subscriptionList()).code(), r.get(r.subscriptionList()).code()}
	if diff := cmp.Diff([]string{"400 AF20012", "200 "}, codes); diff != "" {
		t.Error(diff)
	}
	if _, list := send(http.MethodGet, ""); list[0]["matched"] != 2.0 || list[0]["fired"] != 1.0 {
		t.Errorf("get: %v", list)
	}
	if status, _ := send(http.MethodPut, `[{"kind":"nonsense"}]`); status != http.StatusBadRequest {
		t.Errorf("nonsense: %d", status)
	}
	if _, list := send(http.MethodDelete, ""); len(list) != 0 || len(r.Faults()) != 0 {
		t.Errorf("delete: %v", list)
	}
}

func TestFaultsAreLimited(t *testing.T) {
	other := "99999999-9999-9999-9999-999999999999"
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant}, {ID: other}}})
	ask := func(id, ct string) string {
		return r.get(strings.Replace(r.content(ct, noon.Add(-time.Hour), noon), tenant, id, 1)).code()
	}
	r.fault(emulator.Fault{Kind: emulator.ServerError, Tenant: other, ContentType: "audit.general", Operation: "content", After: 1, First: 2})
	var got []string
	for range 4 {
		got = append(got, ask(other, emulator.General))
	}
	if diff := cmp.Diff([]string{"200 ", "500 AF50000", "500 AF50000", "200 "}, got); diff != "" {
		t.Error(diff)
	}
	r.fault(emulator.Fault{Kind: emulator.ServerError, Tenant: other, ContentType: emulator.General, Operation: "content"})
	if ask(tenant, emulator.General) != "200 " || ask(other, emulator.DLP) != "200 " || ask(other, emulator.General) == "200 " {
		t.Error("another stream was hit, or the one was not")
	}
	r.fault(emulator.Fault{Kind: emulator.ServerError, Operation: "blob"})
	if ask(tenant, emulator.General) != "200 " {
		t.Error("another operation was hit")
	}
}

func TestFaultsComeInBursts(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.ServerError, Status: 503, Probability: 0.1, Burst: 5})
	var runs []int
	run, failed := 0, 0
	for range 300 {
		if r.get(r.subscriptionList()).status == http.StatusServiceUnavailable {
			run++
			failed++
		} else if run > 0 {
			runs, run = append(runs, run), 0
		}
	}
	for _, n := range runs {
		if n%5 != 0 && n < 5 {
			t.Errorf("a burst of %d", n)
		}
	}
	if failed < 50 || failed > 200 {
		t.Errorf("%d of 300 failed", failed)
	}
}

func TestRequestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault emulator.Fault
		want  string
		body  string
	}{
		"throttled":      {emulator.Fault{Kind: emulator.Throttle}, "403 AF429", "Too many requests. Method=ListSubscriptions, PublisherId=" + tenant},
		"throttled 429":  {emulator.Fault{Kind: emulator.Throttle, Status: 429}, "429 AF429", "Too many"},
		"single quotes":  {emulator.Fault{Kind: emulator.Throttle, SingleQuotes: true}, "403 ", "{'error':{'code':'AF429'"},
		"server error":   {emulator.Fault{Kind: emulator.ServerError}, "500 AF50000", "Retry the request"},
		"other code":     {emulator.Fault{Kind: emulator.ServerError, Code: "AF50005"}, "500 AF50005", ""},
		"HTML":           {emulator.Fault{Kind: emulator.HTML}, "502 ", "<html>"},
		"unauthorized":   {emulator.Fault{Kind: emulator.Unauthorized}, "401 ", `{"Message":"Authorization has been denied`},
		"no role":        {emulator.Fault{Kind: emulator.NoRole}, "401 ", "System.Collections.Generic.KeyNotFoundException"},
		"audit off":      {emulator.Fault{Kind: emulator.AuditOff}, "400 StartSubscription [CorrId=", "Tenant " + tenant + " does not exist."},
		"any error":      {emulator.Fault{Kind: emulator.Error, Code: "AF20012", Text: "Tenant is incorrectly configured."}, "400 AF20012", "incorrectly"},
		"not JSON":       {emulator.Fault{Kind: emulator.NotJSON}, "200 ", "The service is being updated"},
		"an object":      {emulator.Fault{Kind: emulator.AsObject}, "200 AF50000", "{"},
		"nothing at all": {emulator.Fault{Kind: emulator.EmptyReply}, "200 ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, emulator.Config{})
			r.fault(test.fault)
			a := r.get(r.subscriptionList())
			if !strings.HasPrefix(a.code(), test.want) || !strings.Contains(a.body, test.body) {
				t.Errorf("%s %s", a.code(), a.body)
			}
		})
	}
}

func TestRetryAfterIsASwitch(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.Throttle, First: 1, RetryAfter: 7 * time.Second}, emulator.Fault{Kind: emulator.Throttle})
	with, without := r.get(r.subscriptionList()).header.Get("Retry-After"), r.get(r.subscriptionList()).header.Get("Retry-After")
	if with != "7" || without != "" {
		t.Errorf("%q and %q", with, without)
	}
}

func TestQuota(t *testing.T) {
	refused := func(r *rig, link string) (n int) {
		for range 10 {
			if r.do(http.MethodGet, link, static).code() == "403 AF429" {
				n++
			}
		}
		return n
	}
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, RequestsPerMinute: 6}}})
	link := withPublisher(r.subscriptionList())
	if n := refused(r, link); n != 4 {
		t.Errorf("%d refused of 10 at 6/min", n)
	}
	r.pass(30 * time.Second)
	if n := refused(r, link); n != 7 {
		t.Errorf("%d refused of 10 half a minute later", n)
	}
	if n := refused(r, r.subscriptionList()); n != 4 {
		t.Errorf("%d refused of 10 in the shared pool", n)
	}
	r = newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.Quota, Count: 8})
	if n := refused(r, withPublisher(r.subscriptionList())); n != 2 {
		t.Errorf("%d refused of 10 at 8/min", n)
	}
}

func TestRequestsWithoutPublisherShareOnePool(t *testing.T) {
	other := "99999999-9999-9999-9999-999999999999"
	r := newRig(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenant, RequestsPerMinute: 1}, {ID: other, RequestsPerMinute: 1}}})
	links := []string{r.subscriptionList(), strings.Replace(r.subscriptionList(), tenant, other, 1)}
	first, second := r.do(http.MethodGet, links[0], static), r.do(http.MethodGet, links[1], static)
	if first.status != http.StatusOK || second.code() != "403 AF429" || !strings.Contains(second.body, "PublisherId=00000000-") {
		t.Errorf("%s, then %s", first.body, second.body)
	}
	if a := r.get(links[1]); a.status != http.StatusOK {
		t.Errorf("with a publisher: %s", a.body)
	}
}

func TestStartThrottle(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	r.fault(emulator.Fault{Kind: emulator.StartThrottle})
	if a := r.post("start", emulator.DLP); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	r.pass(4 * time.Second)
	if a := r.post("start", emulator.DLP); a.status != 429 || !strings.Contains(a.body, "Please retry again after 14m 56s") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.post("start", emulator.General); a.status != http.StatusOK {
		t.Errorf("another type: %s", a.body)
	}
	r.pass(15 * time.Minute)
	if a := r.post("start", emulator.DLP); a.code() != "400 AF20024" {
		t.Errorf("%s", a.body)
	}
}

func TestClockOffset(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.ClockOffset, Delay: -10 * time.Minute})
	date, err := http.ParseTime(r.get(r.subscriptionList()).header.Get("Date"))
	if err != nil || !date.Equal(noon.Add(-10*time.Minute)) {
		t.Errorf("%v %v", date, err)
	}
}

func TestSlowAnswers(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.Slow, Operation: "content", Delay: time.Second, MinWindow: 2 * time.Hour})
	took := func(length time.Duration) time.Duration {
		began := time.Now()
		r.get(r.content(emulator.DLP, noon.Add(-length), noon))
		return time.Since(began)
	}
	if long, short := took(2*time.Hour), took(time.Hour); long < time.Second || short >= time.Second {
		t.Errorf("long window %v, short window %v", long, short)
	}
}

func TestTokenFaults(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.TokenError, First: 1}, emulator.Fault{Kind: emulator.TokenError, Status: 503, First: 1}, emulator.Fault{Kind: emulator.TokenLifetime, Delay: 20 * time.Second})
	status, answer := r.login(v2, nil)
	if status != 401 || answer["error"] != "invalid_client" || !strings.HasPrefix(answer["error_description"].(string), "AADSTS7000215: ") {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer = r.login(v2, nil); status != 503 || answer["error"] != "temporarily_unavailable" {
		t.Errorf("%d %v", status, answer)
	}
	if _, answer = r.login(v2, nil); answer["expires_in"] != 20.0 {
		t.Errorf("%v", answer)
	}
}

func TestClientThatLeavesIsCounted(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.fault(emulator.Fault{Kind: emulator.Slow, Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.subscriptionList(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.client.Do(req); err == nil {
		res.Body.Close()
		t.Fatal("the answer came at once")
	}
	for deadline := time.Now().Add(5 * time.Second); r.Stats().Count("subscriptions", "gone") == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", r.Stats())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

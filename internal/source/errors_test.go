package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

func envelope(code, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)
}

const auditOff = `{"error":{"code":"StartSubscription [CorrId=c][TenantId=t,ContentType=Audit.Exchange,ApplicationId=a,PublisherId=p][AppId",` +
	`"message":"a] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: Tenant 11111111-1111-1111-1111-111111111111 does not exist.\r\n   at X()"}}`

// TestRefusals shows every known refusal to a listing and to a blob.
func TestRefusals(t *testing.T) {
	const stream, tenant, blob = audit.OfStream, audit.OfTenant, audit.OfBlob
	for _, test := range []struct {
		name, body string
		status     int
		cause      audit.Cause
		list, get  audit.Scope
		code       string // as the meter is told
	}{
		{"AF10001", envelope("AF10001", "The permission set () sent in the request does not include the expected permission."), 401, audit.CauseNoPermission, stream, stream, "AF10001"},
		{"AF20001", envelope("AF20001", "m"), 400, audit.CauseRequest, stream, blob, "AF20001"},
		{"AF20002", envelope("AF20002", "m"), 400, audit.CauseRequest, stream, blob, "AF20002"},
		{"AF20003", envelope("AF20003", "m"), 400, audit.CauseRequest, stream, blob, "AF20003"},
		{"AF20010", envelope("AF20010", "m"), 400, audit.CauseTenant, tenant, tenant, "AF20010"},
		{"AF20011", envelope("AF20011", "Tenant (x) does not exist or was deleted"), 400, audit.CauseTenant, tenant, tenant, "AF20011"},
		{"AF20012", envelope("AF20012", "m"), 400, audit.CauseTenant, tenant, tenant, "AF20012"},
		{"AF20013", envelope("AF20013", "m"), 400, audit.CauseTenant, tenant, tenant, "AF20013"},
		{"AF20020", envelope("AF20020", "m"), 400, audit.CauseRequest, stream, blob, "AF20020"},
		{"AF20021", envelope("AF20021", "m"), 400, audit.CauseRequest, stream, blob, "AF20021"},
		{"AF20022", envelope("AF20022", "m"), 400, audit.CauseSubscription, stream, stream, "AF20022"},
		{"AF20023", envelope("AF20023", "The subscription was disabled."), 400, audit.CauseSubscription, stream, stream, "AF20023"},
		{"AF20024", envelope("AF20024", "m"), 400, audit.CauseRequest, stream, blob, "AF20024"},
		{"AF20030", envelope("AF20030", "m"), 400, audit.CauseWindow, stream, blob, "AF20030"},
		{"AF20031", envelope("AF20031", "m"), 400, audit.CausePage, stream, blob, "AF20031"},
		{"AF20050", envelope("AF20050", "m"), 404, audit.CauseNotFound, stream, blob, "AF20050"},
		{"AF20051", envelope("AF20051", "m"), 400, audit.CauseExpired, stream, blob, "AF20051"},
		{"AF20052", envelope("AF20052", "m"), 400, audit.CauseBadContentID, stream, blob, "AF20052"},
		{"AF20053", envelope("AF20053", "m"), 400, audit.CauseRequest, stream, blob, "AF20053"},
		{"AF20054", envelope("AF20054", "m"), 400, audit.CauseRequest, stream, blob, "AF20054"},
		{"AF20055", envelope("AF20055", "m"), 400, audit.CauseWindow, stream, blob, "AF20055"},
		{"AF429 as 403", envelope("AF429", "Too many requests. Method=GetBlob"), 403, audit.CauseThrottled, tenant, tenant, "AF429"},
		{"AF429 as 429", envelope("AF429", "Too many requests."), 429, audit.CauseThrottled, tenant, tenant, "AF429"},
		{"AF429 in single quotes", `{'error':{'code':'AF429','message':'Too many requests'}}`, 403, audit.CauseThrottled, tenant, tenant, "AF429"},
		{"429 without a code", "slow down", 429, audit.CauseThrottled, tenant, tenant, "429"},
		{"AF50000", envelope("AF50000", "An internal error occurred. Retry the request."), 500, audit.CauseServer, stream, blob, "AF50000"},
		{"AF50000 with 200", envelope("AF50000", "m"), 200, audit.CauseServer, stream, blob, ""},
		{"AF50005", envelope("AF50005", "m"), 500, audit.CauseServer, stream, blob, "AF50005"},
		{"AF50006", envelope("AF50006", "m"), 500, audit.CauseServer, stream, blob, "AF50006"},
		{"AF50099", envelope("AF50099", "m"), 500, audit.CauseServer, stream, blob, "AF50099"},
		{"AF29999", envelope("AF29999", "m"), 400, audit.CauseRequest, stream, blob, "AF29999"},
		{"503", "", 503, audit.CauseServer, stream, blob, "503"},
		{"408", "", 408, audit.CauseServer, stream, blob, "408"},
		{"404", "", 404, "", stream, blob, "404"},
		{"auditing off", auditOff, 400, audit.CauseAuditOff, tenant, tenant, "400"},
		{"401", `{"Message":"Authorization has been denied for this request."}`, 401, audit.CauseUnauthorized, tenant, tenant, "401"},
		{"no roles", "System.Collections.Generic.KeyNotFoundException: The given key", 403, audit.CauseNoPermission, stream, stream, "403"},
		{"HTML of a proxy", "<html><body>blocked</body></html>", 403, audit.CauseTransport, stream, blob, "403"},
		{"407", "", 407, audit.CauseTransport, stream, blob, "407"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, reply(test.status, test.body))
			_, listed := r.list(t)
			listedAs := r.meter.last()
			_, got := r.fetch(t, r.blob("a"))
			causes := [2]audit.Cause{test.cause, test.cause}
			if test.cause == "" {
				causes = [2]audit.Cause{audit.CauseRequest, audit.CauseNotFound}
			}
			f := wantFault(t, listed, causes[0], test.list)
			wantFault(t, got, causes[1], test.get)
			if f.Hint == "" {
				t.Error("no hint")
			}
			if test.code != "" && listedAs != "list-content "+test.code {
				t.Errorf("meter was told %q, want %s", listedAs, test.code)
			}
		})
	}
}

func TestListingEndsByItselfWhenTheWindowIsToBeListedAnew(t *testing.T) {
	for code, ends := range map[string]bool{"AF20031": true, "AF20055": true, "AF50000": false, "AF429": false} {
		requests := 0
		r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
			requests++
			reply(400, envelope(code, "m"))(w, q)
		})
		errs := 0
		for _, err := range r.List(t.Context(), stream, window) {
			if errs++; err == nil || errs == 3 {
				break
			}
		}
		if (errs == 1) != ends || requests != errs {
			t.Errorf("%s: %d errors, %d requests", code, errs, requests)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "soon": 0, "-1": 0, "date": 90 * time.Second} {
		r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
			if header == "date" {
				header = time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
			}
			w.Header().Set("Retry-After", header)
			reply(429, envelope("AF429", "m"))(w, q)
		})
		_, err := r.list(t)
		if f := fault(t, err); (f.RetryAfter - want).Abs() > 2*time.Second {
			t.Errorf("%q: %s, want %s", header, f.RetryAfter, want)
		}
	}
}

func TestRefusalsAreCutAndHoldNoToken(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		reply(500, "Authorization: Bearer abcdefghijklmnop eyJhbGciOiJSUzI1NiJ9.eyJhIjoiYiJ9.c2ln \x00\n"+strings.Repeat("long ", 1000))(w, q)
	})
	_, err := r.list(t)
	for _, part := range []string{"abcdefghijklmnop", "eyJ", "\n", "\x00"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("error holds %q: %v", part, err)
		}
	}
	if len(err.Error()) > 1200 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

// What a server echoes of a request must not come back in an error, whatever the token looks like.
func TestEchoedTokenIsMasked(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter, token string){
		"refusal": func(w http.ResponseWriter, token string) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":{"code":"AF20001","message":"token %s is odd"}}`, token)
		},
		"refusal with a good status": func(w http.ResponseWriter, token string) {
			fmt.Fprintf(w, `{"error":{"code":"AF20001","message":"token %s is odd"}}`, token)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
				answer(w, strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer "))
			})
			r.tokens.opaque = "opaque-token-1234567890"
			_, err := r.list(t)
			if err == nil || strings.Contains(err.Error(), "opaque-token") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A refusal that goes on and on, a byte at a time, must not hold a worker for hours.
func TestTricklingRefusalEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		for q.Context().Err() == nil {
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}, timeout(300*time.Millisecond))
	start := time.Now()
	_, err := r.list(t)
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseServer {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestHugeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("NextPageUri", strings.Repeat("x", 5<<20))
		fmt.Fprint(w, `[]`)
	})
	_, err := r.list(t)
	if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseTransport {
		t.Errorf("error %v", err)
	}
}

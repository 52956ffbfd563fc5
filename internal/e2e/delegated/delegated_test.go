package delegated

import (
	"os"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// TestSignInOfAPerson follows a sign-in through its life: begun in one process, redeemed by another, shared by two,
// renewed many times, restarted, revoked, begun anew, and forgotten.
func TestSignInOfAPerson(t *testing.T) {
	r := newRig(t, emulator.Config{Seed: 5, BacklogRecords: 200, Backlog: time.Hour, Rate: 10, RecordsPerBlob: 20, TokenLifetime: 4 * time.Second})
	r.write(r.code, testbed.Browse(r.t, r.loginURL()))
	one, two := r.Start("one", ""), r.Start("two", "")
	r.Until(time.Minute, "the backlog and a few minutes' tokens", func() bool {
		one.MustRun()
		two.MustRun()
		return r.Tally.Total() >= 250 && r.signIns().Refreshed >= 3
	}, func() string { return one.Tail() + two.Tail() })

	// Who is killed in the moment of a renewal takes the new refresh token along, and this login host takes none twice.
	time.Sleep(500 * time.Millisecond)
	two.Kill()
	two = r.Start("two", "")
	before := r.signIns().Refreshed
	r.Until(time.Minute, "renewals after a restart", func() bool { two.MustRun(); return r.signIns().Refreshed >= before+2 }, two.Tail)
	if got := r.signIns(); got.Begun != 1 || got.Redeemed != 1 || got.Reused != 0 {
		t.Errorf("%+v, want one code, redeemed once, and no refresh token used twice", got)
	}

	r.API.RevokeSignIns(emulator.DefaultTenantID)
	r.failing(one, "AADSTS50173")
	r.failing(two, "connector login")
	r.loginByBrowser()
	r.Until(time.Minute, "renewals of the new sign-in", func() bool { one.MustRun(); return r.signIns().Refreshed >= before+5 }, one.Tail)

	r.command(0, "auth-reset")
	r.failing(one, "nobody is signed in")
	r.failing(two, "is used up")
	file := r.code + "-2"
	r.write(file, testbed.Browse(r.t, r.loginURL()))
	r.command(0, "login", "--via-kafka", "--code-file", file)

	r.API.StopOffering()
	v := r.Settled(2*time.Minute, one, two)
	if v.Repeated > 0 || v.Foreign > 0 || v.Lost > 0 {
		t.Errorf("%+v", v)
	}
	if got := r.signIns(); got.Redeemed != 3 || got.Reused != 0 {
		t.Errorf("%+v", got)
	}
	for _, c := range []interface{ Log() string }{one, two} {
		text, err := os.ReadFile(c.Log())
		if err != nil {
			t.Fatal(err)
		}
		r.clean(string(text))
	}
	one.Stop()
	two.Stop()
}

// TestStoreThatCannotBeDecrypted does what the message says, in its order.
func TestStoreThatCannotBeDecrypted(t *testing.T) {
	r := newRig(t, emulator.Config{Seed: 5, BacklogRecords: 20})
	r.write(r.code, testbed.Browse(r.t, r.loginURL()))
	r.obtains()

	r.write(r.key, keyB+"\n"+keyA) // rotated: the old key still decrypts
	r.obtains()
	r.write(r.key, keyB) // and is not needed any more
	r.obtains()
	if got := r.signIns(); got.Redeemed != 1 {
		t.Errorf("%+v", got)
	}

	r.write(r.key, keyA)
	out := r.diagnose()
	last := 0
	for _, step := range []string{"encrypted with another key", "generate-login-url", "auth-reset", "auth.authorization_code", "diagnose"} {
		at := strings.Index(out[last:], step)
		if at < 0 {
			t.Fatalf("%q is missing, or in another place:\n%s", step, out)
		}
		last += at
	}
	link := r.loginURL()
	r.command(0, "auth-reset")
	r.write(r.code, testbed.Browse(r.t, link))
	r.obtains()
	if got := r.signIns(); got.Redeemed != 2 || got.Reused != 0 {
		t.Errorf("%+v", got)
	}
}

// TestLoginNeedsAWayBack refuses what cannot work before anybody signs in.
func TestLoginNeedsAWayBack(t *testing.T) {
	r := newRig(t, emulator.Config{Seed: 5, BacklogRecords: 20})
	if out := r.command(1, "login", "--timeout", "1s"); !strings.Contains(out, "nobody has signed in") || !strings.Contains(out, "--timeout") {
		t.Errorf("said:\n%s", out)
	}
	if out := r.command(2, "login", "--via-kafka"); !strings.Contains(out, "--code-file") {
		t.Errorf("said:\n%s", out)
	}
	r.write(r.code, "not a code at all")
	if out := r.command(1, "login", "--code-file", r.code); !strings.Contains(out, "neither an authorization code") {
		t.Errorf("said:\n%s", out)
	}
}

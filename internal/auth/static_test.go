package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
)

// expiring is a token for another API that says when it ends.
func expiring(end time.Time, id string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"aud":"https://kafka.test","exp":%d.5,"jti":%q}`, end.Unix(), id)) + ".x"
}

func TestTokenFileIsReadAgainWhenItsTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		s, err := auth.New(auth.Config{Method: auth.MethodStatic, TokenFile: file}, auth.Options{Foreign: true})
		if err != nil {
			t.Fatal(err)
		}
		first := expiring(time.Now().Add(time.Hour), "first")
		second := expiring(time.Now().Add(2*time.Hour), "second")
		write(t, file, first+"\n")
		mustToken(t, s.Token, first)
		write(t, file, second)
		time.Sleep(54 * time.Minute)
		mustToken(t, s.Token, first)
		time.Sleep(2 * time.Minute)
		mustToken(t, s.Token, second)
		time.Sleep(2 * time.Hour) // nobody put a third one there
		_, err = s.Token(t.Context())
		if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseUnauthorized {
			t.Errorf("a token that has ended: %v", err)
		}
		write(t, file, "opaque")
		time.Sleep(time.Minute)
		mustToken(t, s.Token, "opaque")
		write(t, file, "renewed")
		mustToken(t, func(ctx context.Context) (string, error) { return s.Renew(ctx, "opaque") }, "renewed")
	})
}

func TestTokenOfTheFeedIsLookedAtUnlessItIsForAnother(t *testing.T) {
	c := auth.Config{Method: auth.MethodStatic, Token: "e30.eyJhdWQiOiJodHRwczovL2thZmthLnRlc3QifQ.x"}
	for foreign, good := range map[bool]bool{true: true, false: false} {
		s, err := auth.New(c, auth.Options{Resource: "https://manage.office.com", Foreign: foreign})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Token(t.Context()); (err == nil) != good {
			t.Errorf("foreign %t: %v", foreign, err)
		}
	}
}

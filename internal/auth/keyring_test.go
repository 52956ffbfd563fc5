package auth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"o365-kafka-connector/internal/secret"
)

const (
	keyA = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	keyB = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA"
)

func ring(t *testing.T, text string) keyring {
	t.Helper()
	k, err := parseKeyring(secret.String(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysAreReadInAnyForm(t *testing.T) {
	plain := []byte("0123456789abcdef0123456789abcdef")
	sealed := ring(t, keyA).seal([]byte("text"), "name")
	for _, form := range []string{keyA, strings.TrimRight(keyA, "="), hex.EncodeToString(plain), strings.ToUpper(hex.EncodeToString(plain)), "\n " + keyA + "\r\n"} {
		if text, newest, err := ring(t, form).open(sealed, "name"); string(text) != "text" || !newest || err != nil {
			t.Errorf("%q: %q, %v", form, text, err)
		}
	}
	for _, bad := range []string{"", " \n", "password", keyA[:20], keyA + keyA, keyA + " short", hex.EncodeToString(plain[:16])} {
		_, err := parseKeyring(secret.String(bad))
		if err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") || strings.Contains(err.Error(), "password") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestRotatedKeys opens with old keys and seals with the first one.
func TestRotatedKeys(t *testing.T) {
	old, rotated := ring(t, keyA), ring(t, keyB+"\n"+keyA)
	if text, newest, err := rotated.open(old.seal([]byte("x"), "n"), "n"); string(text) != "x" || newest || err != nil {
		t.Errorf("%q, %t, %v", text, newest, err)
	}
	sealed := rotated.seal([]byte("x"), "n")
	if _, newest, err := ring(t, keyB).open(sealed, "n"); !newest || err != nil {
		t.Errorf("%t, %v", newest, err)
	}
	if _, _, err := old.open(sealed, "n"); !errors.Is(err, errSealed) {
		t.Errorf("opened by the old key: %v", err)
	}
}

// TestSealedTextIsBound to its key, its name and every one of its bytes.
func TestSealedTextIsBound(t *testing.T) {
	k := ring(t, keyA)
	sealed := k.seal([]byte("some text"), "tenant/signin")
	if bytes.Contains(sealed, []byte("text")) || bytes.Equal(sealed, k.seal([]byte("some text"), "tenant/signin")) {
		t.Error("it is clear text, or the same each time")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, _, err := k.open(changed, "tenant/signin"); !errors.Is(err, errSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, _, err := k.open(sealed[:i], "tenant/signin"); !errors.Is(err, errSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, _, err := k.open(sealed, "other/signin"); !errors.Is(err, errSealed) {
		t.Errorf("another tenant's: %v", err)
	}
}

func TestDerivedKeyIsTheTenantsOwn(t *testing.T) {
	made := map[[keyIDSize]byte]bool{}
	for _, of := range [][3]string{{"secret", "tenant", "app"}, {"secret2", "tenant", "app"}, {"secret", "tenant2", "app"}, {"secret", "tenant", "app2"}} {
		k, err := deriveKeyring(secret.String(of[0]), of[1], of[2])
		if err != nil {
			t.Fatal(err)
		}
		made[k.keys[0].id] = true
	}
	if len(made) != 4 {
		t.Errorf("%d different keys", len(made))
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := ring(t, hex.EncodeToString([]byte("0123456789abcdef0123456789abcdef")))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		text := fmt.Sprintf(verb, k)
		if strings.Contains(text, "0123456789abcdef") || strings.Contains(text, "30313233343536373839") || strings.Contains(text, "48 49 50 51") {
			t.Errorf("%s tells the key: %s", verb, text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, err := parseKeyring(keyA)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(""))
	f.Add([]byte(sealedMark))
	f.Add(k.seal([]byte("x"), "n"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if plain, _, err := k.open(sealed, "other"); err == nil {
			t.Errorf("%q opens as %q", sealed, plain)
		}
	})
}

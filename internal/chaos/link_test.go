package chaos

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server behind a link, and a connection to it.
func echo(t *testing.T) (*Link, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	k, err := NewLink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Close()
		l.Close()
		<-done
	})
	k.Lead(l.Addr().String())
	c := dial(t, k)
	say(t, c)
	if came, _ := heard(c, 5*time.Second); !came {
		t.Fatal("no echo")
	}
	return k, c
}

func dial(t *testing.T, k *Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", k.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func say(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

// heard reports whether a byte comes back in time, and whether the connection is broken.
func heard(c net.Conn, d time.Duration) (came, broken bool) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, err := c.Read(make([]byte, 1))
	return err == nil, err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestLinkHoldsAndLetsGo(t *testing.T) {
	for name, w := range map[string]Weather{"requests": {Hold: true}, "answers": {Mute: true}} {
		t.Run(name, func(t *testing.T) {
			k, c := echo(t)
			k.Set(w)
			say(t, c)
			if came, broken := heard(c, 200*time.Millisecond); came || broken {
				t.Errorf("came %t, broken %t while held", came, broken)
			}
			k.Set(Weather{})
			if came, _ := heard(c, 5*time.Second); !came {
				t.Error("what was held never came")
			}
		})
	}
}

func TestLinkLosesWhatItHeld(t *testing.T) {
	k, c := echo(t)
	k.Set(Weather{Mute: true})
	say(t, c)
	k.Reset()
	k.Set(Weather{})
	if came, broken := heard(c, 5*time.Second); came || !broken {
		t.Errorf("came %t, broken %t after a reset", came, broken)
	}
}

func TestLinkDown(t *testing.T) {
	k, c := echo(t)
	k.Set(Weather{Down: true})
	if _, broken := heard(c, 5*time.Second); !broken {
		t.Error("the connection survived")
	}
	if c, err := net.Dial("tcp", k.Addr()); err == nil { // else it was reset before the dial returned
		if _, broken := heard(c, 5*time.Second); !broken {
			t.Error("a new connection was served")
		}
		_ = c.Close()
	}
	k.Set(Weather{})
	c = dial(t, k)
	say(t, c)
	if came, _ := heard(c, 5*time.Second); !came {
		t.Error("no echo in fair weather")
	}
}

func TestLinkDelaysAndSlows(t *testing.T) {
	for name, w := range map[string]Weather{"delay": {Delay: 150 * time.Millisecond}, "rate": {Rate: 6}} {
		t.Run(name, func(t *testing.T) {
			k, c := echo(t)
			k.Set(w)
			began := time.Now()
			say(t, c)
			if came, _ := heard(c, 5*time.Second); !came || time.Since(began) < 250*time.Millisecond {
				t.Errorf("came %t after %s", came, time.Since(began))
			}
		})
	}
}

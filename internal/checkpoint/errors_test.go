package checkpoint

import (
	"errors"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// TestAnswersHaveAdvice covers what a test cannot easily make a server say, as versions 6 and 7 say it.
func TestAnswersHaveAdvice(t *testing.T) {
	for text, hint := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                         "reading its data",
		"CROSSSLOT Keys in request don't hash to the same slot":                                  "braces",
		"MOVED 3999 127.0.0.1:6381":                                                              "cluster to true",
		"ERR This instance has cluster support disabled":                                         "cluster to false",
		"TRYAGAIN Multiple keys request during rehashing of slot":                                "moving keys",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":       "failover",
		"ERR max number of clients reached":                                                      "maxclients",
		"WRONGTYPE Operation against a key holding the wrong kind of value":                      "key_prefix",
		"BUSY Redis is busy running a script.":                                                   "slowlog",
		"ERR DB index is out of range":                                                           "redis.db",
		"ERR unknown command 'EVALSHA', with args beginning with:":                               "version 6.0",
		"ERR Error running script (call to f_1): @user_script:9: -OOM command not allowed":       "maxmemory",
		"ERR Error running script (call to f_1): @user_script:9: -NOPERM this user has no right": "ACL SETUSER",
		"something else": "check checkpoint.redis",
	} {
		err := redisFault("ask redis", errors.New(text))
		f := audit.AsFault(err, "")
		if !strings.Contains(f.Hint, hint) {
			t.Errorf("hint of %q is %q, want %q", text, f.Hint, hint)
		}
	}
}

package checkpoint

import "strings"

// commands are all that the connector sends to Redis, by itself and in its scripts; a user needs no other right.
var commands = []string{
	"ping", "info", "select", "evalsha", "eval", "time", "get", "set", "setnx", "hget", "hset", "hsetnx",
	"hdel", "hgetall", "expire", "unlink", "zadd", "zrem", "zscore", "zrange", "zcard", "zcount", "zremrangebyrank",
}

// clusterCommands are what the client of a cluster asks for besides. It can do without an answer to COMMAND, but asks
// again and again.
var clusterCommands = []string{"cluster|slots", "command"}

// LeastACL returns the command that creates a Redis user with no more rights than the connector needs. For the default
// prefix and a single server or Sentinel:
//
//	ACL SETUSER connector on >PASSWORD resetkeys ~o365:* resetchannels -@all +ping +info +select +evalsha +eval +time +get +set +setnx +hget +hset +hsetnx +hdel +hgetall +expire +unlink +zadd +zrem +zscore +zrange +zcard +zcount +zremrangebyrank
//
// A cluster needs +cluster|slots +command besides. See LeastSentinelACL for sentinels.
func LeastACL(user, prefix string, cluster bool) string {
	rights := commands
	if cluster {
		rights = append(append([]string{}, commands...), clusterCommands...)
	}
	return "ACL SETUSER " + user + " on >PASSWORD resetkeys ~" + prefix + "* resetchannels -@all +" +
		strings.Join(rights, " +")
}

// LeastSentinelACL returns the command that creates a user on sentinels which ask for a password.
func LeastSentinelACL(user string) string {
	return "ACL SETUSER " + user + " on >PASSWORD allchannels -@all +ping +subscribe " +
		"+sentinel|get-master-addr-by-name +sentinel|sentinels"
}

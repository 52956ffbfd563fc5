package checkpoint

import "strings"

// commands are all that the connector sends to Redis, by itself and in its scripts; a user needs no other right.
// COMMAND is asked for by the client of a cluster, as are CLUSTER SLOTS and READONLY.
var commands = []string{
	"ping", "info", "select", "evalsha", "eval", "time", "get", "setnx", "hget", "hset", "hdel", "hgetall", "unlink",
	"zadd", "zscore", "zrange", "zcard", "zcount", "zremrangebyrank",
}

// clusterCommands are what the client of a cluster asks for besides.
var clusterCommands = []string{"cluster|slots", "cluster|shards", "command", "readonly"}

// LeastACL returns the command that creates a Redis user with no more rights than the connector needs. For the default
// prefix and a single server or Sentinel:
//
//	ACL SETUSER connector on >PASSWORD resetkeys ~o365:* resetchannels -@all +ping +info +select +evalsha +eval +time +get +setnx +hget +hset +hdel +hgetall +unlink +zadd +zscore +zrange +zcard +zcount +zremrangebyrank
//
// A cluster needs +cluster|slots +cluster|shards +command +readonly besides. A Sentinel that asks for a password wants
// a user of its own with +ping +sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas +subscribe
// +psubscribe and the channels &*.
func LeastACL(user, prefix string, cluster bool) string {
	rights := commands
	if cluster {
		rights = append(append([]string{}, commands...), clusterCommands...)
	}
	return "ACL SETUSER " + user + " on >PASSWORD resetkeys ~" + prefix + "* resetchannels -@all +" +
		strings.Join(rights, " +")
}

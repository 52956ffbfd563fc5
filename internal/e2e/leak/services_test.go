package leak

import (
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/testbed"
)

// secureKafka is a Kafka that asks for a password, and for it again and again.
type secureKafka struct {
	*stand

	broker         *testbed.SecureBroker
	user, password string
}

func (s *stand) secureKafka() *secureKafka {
	s.t.Helper()
	b := testbed.OwnSecureKafka(s.t, testbed.KafkaOptions{Properties: map[string]string{"connections.max.reauth.ms": "2000"}})
	k := &secureKafka{stand: s, broker: b, user: b.User.Name, password: s.shelf.mark("password at Kafka")}
	k.setPassword(k.password)
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.Address()), Transport: transport, Timeout: 10 * time.Second}
	answer, err := client.CreateTopics(s.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: s.name + ".incidents", NumPartitions: 3, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "max.message.bytes", ConfigValue: "2500"}}, // so that events are refused
	}}})
	if err != nil || answer.Errors[s.name+".incidents"] != nil {
		s.t.Fatalf("create topic: %v, %+v", err, answer)
	}
	return k
}

func (k *secureKafka) setPassword(password string) {
	k.t.Helper()
	if err := k.broker.SetPassword(k.t.Context(), k.user, password); err != nil {
		k.t.Fatal(err)
	}
}

// secureRedis is a Redis with a sentinel, both of which ask for a password.
type secureRedis struct {
	*stand

	master, sentinel           *testbed.Server
	password, sentinelPassword string
}

func (s *stand) secureRedis() *secureRedis {
	s.t.Helper()
	r := &secureRedis{
		stand: s, master: testbed.OwnRedis(s.t), password: s.shelf.mark("password of Redis"),
		sentinelPassword: s.shelf.mark("password of the sentinel"),
	}
	r.sentinel = testbed.RedisSentinel(s.t, "o365", r.master)
	r.do(r.sentinel, "ACL", "SETUSER", "connector", "on", ">"+r.sentinelPassword, "allchannels", "+@all")
	r.setPassword(r.password)
	return r
}

// setPassword changes the password at Redis and cuts all connections.
func (r *secureRedis) setPassword(password string) {
	r.t.Helper()
	r.do(r.master, "ACL", "SETUSER", "connector", "on", "resetpass", ">"+password, "~*", "&*", "+@all")
	r.do(r.master, "CLIENT", "KILL", "TYPE", "normal", "USER", "connector")
}

func (r *secureRedis) do(server *testbed.Server, words ...any) {
	r.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2})
	defer client.Close()
	if err := client.Do(r.t.Context(), words...).Err(); err != nil {
		r.t.Fatalf("%v: %v", words[0], err)
	}
}

// hearRedis reads all that the connector left in Redis.
func (s *stand) hearRedis(r *secureRedis) {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.master.Addr})
	defer client.Close()
	ctx := s.t.Context()
	keys := client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		s.hear("redis", []byte(key))
		switch client.Type(ctx, key).Val() {
		case "string":
			s.hear("redis", []byte(client.Get(ctx, key).Val()))
		case "hash":
			for field, value := range client.HGetAll(ctx, key).Val() {
				s.hear("redis", []byte(field+"="+value))
			}
		case "zset":
			s.hear("redis", []byte(strings.Join(client.ZRange(ctx, key, 0, -1).Val(), "\n")))
		}
	}
	if err := keys.Err(); err != nil {
		s.t.Error(err)
	}
}

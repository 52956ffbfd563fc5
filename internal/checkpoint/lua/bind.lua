-- KEYS: deployment; ARGV: the deployment as JSON; answers what is stored
redis.call('SETNX', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])

-- KEYS: buckets; ARGV: for each a record identity, the claim that was seen, and the one that takes its place
for k, key in ipairs(KEYS) do
  local at = 3 * k - 2
  if redis.call('HGET', key, ARGV[at]) == ARGV[at + 1] then redis.call('HSET', key, ARGV[at], ARGV[at + 2]) end
end
return 'OK'

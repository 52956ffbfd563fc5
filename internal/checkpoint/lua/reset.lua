-- ARGV: epoch, token of this call, desired state, desired since, command that moved the watermark, n,
-- number of pending, then hash and JSON of each, number of gaps, then score and JSON of each,
-- number of back-fills, then id and value of each, then field and value of the state in turn
local no = refused(ARGV[1])
if no then return no end
if redis.call('HGET', STATE, 'reset') == ARGV[2] then return {'OK'} end
redis.call('UNLINK', LEDGER, PENDING, GAPS, OBEYED)
redis.call('HDEL', STATE, 'n')
local pairsOf = lists(7)
pairsOf(function(hash, json) redis.call('HSET', PENDING, hash, json) end)
pairsOf(function(score, json) redis.call('ZADD', GAPS, score, json) end)
redis.call('HSET', OBEYED, 'state', ARGV[3], 'since', ARGV[4], 'moved', ARGV[5])
local next = pairsOf(function(id, value) redis.call('HSET', OBEYED, BACKFILL .. id, value) end)
for i = next, #ARGV, 2 do redis.call('HSET', STATE, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', STATE, 'last', '')
mark(ARGV[6])
redis.call('HSET', STATE, 'reset', ARGV[2])
return {'OK'}

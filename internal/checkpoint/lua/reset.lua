-- ARGV: epoch, token of this call, desired state, desired since, command that moved the watermark,
-- number of back-fills, then id and value of each, then field and value of the state in turn
local no = refused(ARGV[1])
if no then return no end
if redis.call('HGET', STATE, 'reset') == ARGV[2] then return {'OK'} end
redis.call('UNLINK', LEDGER, PENDING, GAPS, OBEYED)
redis.call('HDEL', STATE, 'n')
local fields = 7 + 2 * tonumber(ARGV[6])
for i = fields, #ARGV, 2 do redis.call('HSET', STATE, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', STATE, 'last', '')
redis.call('HSET', OBEYED, 'state', ARGV[3], 'since', ARGV[4], 'moved', ARGV[5])
for i = 7, fields - 1, 2 do redis.call('HSET', OBEYED, BACKFILL .. ARGV[i], ARGV[i + 1]) end
mark('0')
redis.call('HSET', STATE, 'reset', ARGV[2])
return {'OK'}

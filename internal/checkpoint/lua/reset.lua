-- ARGV: epoch, token of this call, desired state, desired since, then field and value of the state in turn
local no = refused(ARGV[1])
if no then return no end
if redis.call('HGET', STATE, 'reset') == ARGV[2] then return {'OK'} end
redis.call('UNLINK', LEDGER, PENDING, GAPS, DESIRED)
redis.call('HDEL', STATE, 'n')
for i = 5, #ARGV, 2 do redis.call('HSET', STATE, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', STATE, 'last', '')
redis.call('HSET', DESIRED, 'state', ARGV[3], 'since', ARGV[4])
mark('0')
redis.call('HSET', STATE, 'reset', ARGV[2])
return {'OK'}

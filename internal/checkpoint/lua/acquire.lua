-- ARGV: token of this call
-- Epochs never repeat, also when the stored one is lost: none is below the clock.
if redis.call('HGET', STATE, 'taker') == ARGV[1] then
  return {'OK', redis.call('HGET', STATE, 'epoch')}
end
local now = redis.call('TIME')
local epoch = tonumber(redis.call('HGET', STATE, 'epoch') or 0) + 1
epoch = whole(math.max(epoch, tonumber(now[1]) * 1000000 + tonumber(now[2])))
redis.call('HSET', STATE, 'epoch', epoch, 'taker', ARGV[1])
return {'OK', epoch}

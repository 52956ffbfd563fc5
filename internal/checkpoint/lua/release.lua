-- ARGV: epoch
-- A call that is still under way finds another epoch.
if redis.call('HGET', STATE, 'epoch') == ARGV[1] then
  redis.call('HSET', STATE, 'epoch', whole(tonumber(ARGV[1]) + 1), 'taker', '')
end
return {'OK'}

-- KEYS: answer; ARGV: token
if redis.call('GET', KEYS[1]) == 'R' .. ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return {'OK'}

-- KEYS: answer; ARGV: token, lease in milliseconds
-- The value is R and a token while a command is being done, D and its answer afterwards.
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 1) == 'D' then return {'done', string.sub(stored, 2)} end
if stored and stored ~= 'R' .. ARGV[1] then return {'running'} end
redis.call('SET', KEYS[1], 'R' .. ARGV[1], 'PX', ARGV[2])
return {'new'}

-- ARGV: epoch, then watermark, swept, swept fully, subscription tried, start and end of the head in microseconds,
-- the N at which the caller stands ('' if it does not know)
local no = refused(ARGV[1])
if no then return no end
local n, carriers = common()
if carriers < 5 then return {'LOST', 'a key is missing'} end
if ARGV[8] ~= '' and tonumber(n or -1) < tonumber(ARGV[8]) then
  return {'LOST', 'it stands at ' .. (n or 'no N') .. ', the caller at ' .. ARGV[8]}
end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', STATE, 'watermark') or 0) then
  redis.call('HSET', STATE, 'watermark', ARGV[2])
end
redis.call('HSET', STATE, 'swept', ARGV[3], 'swept_fully', ARGV[4], 'subscribe_tried', ARGV[5],
  'head_from', ARGV[6], 'head_to', ARGV[7])
return {'OK'}

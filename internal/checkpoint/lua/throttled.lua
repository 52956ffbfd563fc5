-- ARGV: microseconds of silence that the API asks for
-- Requests that were under way when the pace was halved may be refused too: that says nothing new.
if now - cut >= AGAIN then
  factor = math.max(FLOOR, factor / 2)
  cut = now
  redis.call('HSET', KEYS[1], 'tat', micros(math.max(past('tat', HOLD), now + BURST)))
end
held = math.max(held, now + math.min(tonumber(ARGV[1]), HOLD))
redis.call('HSET', KEYS[1], 'factor', string.format('%.6f', factor), 'cut', micros(cut), 'held', micros(held),
  'grow', micros(math.max(now, held) + REST))
return {'OK'}

-- ARGV: epoch, n, packed hashes; answers a string of 1 (unseen) and 0
local no = refused(ARGV[1])
if no then return no end
local n = common()
if n ~= ARGV[2] then return {'LOST', 'it stands at ' .. (n or 'no N') .. ', the caller at ' .. ARGV[2]} end
local out = {}
local packed = ARGV[3]
for i = 1, #packed, HASH do
  out[#out + 1] = redis.call('ZSCORE', LEDGER, string.sub(packed, i, i + HASH - 1)) and '0' or '1'
end
return {'OK', table.concat(out)}

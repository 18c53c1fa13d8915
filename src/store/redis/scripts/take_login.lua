-- Uses a request up. ARGV: 'p' and its handle or 'r' and the digest of its ID, browser, the time up
-- to which requests are too old. Answers {what, handle, value}: 'unknown', 'other' browser, 'over'
-- (used or too old), 'taken'.

local by, key, browser, too_old = unpack(ARGV, 1, 4)

local handle = key
if by == 'r' then
    handle = redis.call('GET', K .. 'r:' .. key)
    if not handle then
        return { 'unknown', '', '' }
    end
end
local of = redis.call('HMGET', K .. 'p:' .. handle, 'v', 'b', 'c', 'used')
if not of[1] then
    return { 'unknown', '', '' }
end
if of[2] ~= browser then
    return { 'other', '', '' }
end
if of[4] or tonumber(of[3]) <= tonumber(too_old) then
    return { 'over', handle, of[1] }
end
redis.call('HSET', K .. 'p:' .. handle, 'used', 1)
redis.call('ZREM', K .. 'pb:' .. browser, handle)
return { 'taken', handle, of[1] }

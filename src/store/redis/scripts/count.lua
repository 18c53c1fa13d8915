-- How many sessions are not due to end. ARGV: now, the time before which a session was idle.

local live = redis.call('ZCOUNT', K .. 'seen', '(' .. ARGV[2], '+inf')
-- Few: the sweep comes every minute.
for _, hash in ipairs(redis.call('ZRANGEBYSCORE', K .. 'until', '-inf', ARGV[1])) do
    local seen = redis.call('ZSCORE', K .. 'seen', hash)
    if seen and tonumber(seen) > tonumber(ARGV[2]) then
        live = live - 1
    end
end
return live

-- Keeps a request that waits for its answer, and drops the oldest of its browser. ARGV: handle,
-- browser, digest of the request's ID, value, created_at, the time up to which requests are too old,
-- milliseconds to live, how many a browser may have.

local handle, browser, request, value, created, too_old, ttl, most = unpack(ARGV, 1, 8)

redis.call('HSET', K .. 'p:' .. handle, 'v', value, 'b', browser, 'r', request, 'c', created)
redis.call('PEXPIRE', K .. 'p:' .. handle, ttl)
redis.call('SET', K .. 'r:' .. request, handle, 'PX', ttl)
local open = K .. 'pb:' .. browser
redis.call('ZADD', open, created, handle)
outlive(open, tonumber(ttl))
redis.call('ZREMRANGEBYSCORE', open, '-inf', too_old)
for _, old in ipairs(redis.call('ZREVRANGE', open, most, -1)) do
    local of = redis.call('HGET', K .. 'p:' .. old, 'r')
    if of then
        redis.call('DEL', K .. 'r:' .. of)
    end
    redis.call('DEL', K .. 'p:' .. old)
    redis.call('ZREM', open, old)
end
return 1

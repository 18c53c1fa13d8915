-- Adds a session. ARGV: how ('new', 'child' of a session, 'login' by a claim), the session's hash,
-- value, user, sid, digest of NameID, digest of SessionIndex, browser ('' where there is none),
-- opened_at, not_after, last_seen, milliseconds to live; for a child the parent's hash, for a login
-- the claim and its milliseconds to live.
-- Answers {0, ''} where it may not be, else {1, the hash that this browser had before or ''}.

local how, hash, value, user, sid, name, index, browser = unpack(ARGV, 1, 8)
local opened, not_after, seen, ttl, by, by_ttl = unpack(ARGV, 9, 14)
ttl = tonumber(ttl)

if how == 'child' and redis.call('EXISTS', K .. 's:' .. by) == 0 then
    return { 0, '' }
end
if how == 'login' and not redis.call('SET', K .. 'o:' .. by, hash, 'NX', 'PX', by_ttl) then
    return { 0, '' }
end

local key = K .. 's:' .. hash
redis.call('HSET', key, 'v', value, 'u', user, 'f', sid)
redis.call('PEXPIRE', key, ttl)
redis.call('ZADD', K .. 'seen', seen, hash)
redis.call('ZADD', K .. 'until', not_after, hash)
redis.call('ZADD', K .. 'opened', opened, hash)
redis.call('SADD', K .. 'u:' .. user, hash)
outlive(K .. 'u:' .. user, ttl)
redis.call('SADD', K .. 'f:' .. sid, hash)
outlive(K .. 'f:' .. sid, ttl)
if name ~= '' then
    redis.call('HSET', key, 'n', name)
    redis.call('HSET', K .. 'n:' .. name, hash, index)
    outlive(K .. 'n:' .. name, ttl)
end
local before = ''
if browser ~= '' then
    redis.call('HSET', key, 'b', browser)
    before = redis.call('GET', K .. 'b:' .. browser) or ''
    redis.call('SET', K .. 'b:' .. browser, hash, 'PX', ttl)
end
return { 1, before }

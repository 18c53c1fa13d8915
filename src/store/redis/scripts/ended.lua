-- What ended after a mark. ARGV: the mark, or ''. Answers {mark, 1 if some are not known, hashes}.

local mark = redis.call('GET', K .. 'epoch') or '0'
if ARGV[1] == '' or ARGV[1] == mark then
    return { mark, 0, {} }
end
local number = tonumber(mark) - tonumber(ARGV[1])
local known = redis.call('LLEN', K .. 'ends')
if number < 0 or number > known then
    return { mark, 1, redis.call('LRANGE', K .. 'ends', 0, -1) }
end
return { mark, 0, redis.call('LRANGE', K .. 'ends', 0, number - 1) }

"""What runs inside the Redis-compatible server: steps that must not be interrupted.

Keys of values are given whole; keys of tags are made here, from the tag and the prefix `ARGV[1]`.

A stored value is `tag version tag version…`, a newline, and the payload. A tag's key holds a
version; or, between a writer's mark and its commit, `!` and for each such writer `token@deadline,`
in milliseconds; or nothing, and then its next reader gives it a version that never was before.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1


@dataclass(frozen=True)
class Script:
    """A script and the digest by which the server remembers it."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# KEYS: values. ARGV: tag prefix. Returns each value that agrees with all its tags, else nil.
FETCH = _script("""
local now = {}
local answers = {}
for index, key in ipairs(KEYS) do
    local stored = redis.call('GET', key)
    if stored then
        local head = string.sub(stored, 1, (string.find(stored, '\\n', 1, true) or 1) - 1)
        for tag, version in string.gmatch(head, '(%S+) (%S+)') do
            if now[tag] == nil then
                now[tag] = redis.call('GET', ARGV[1] .. tag)
            end
            if now[tag] ~= version then
                stored = false
                break
            end
        end
    end
    answers[index] = stored
end
return answers
""")

# KEYS: a value. ARGV: tag prefix, a tag. Returns the value if it agrees with that tag, else nil.
OUTDATED = _script("""
local stored = redis.call('GET', KEYS[1])
if stored then
    local version = redis.call('GET', ARGV[1] .. ARGV[2])
    local head = ' ' .. string.sub(stored, 1, (string.find(stored, '\\n', 1, true) or 1) - 1) .. ' '
    if version and string.find(head, ' ' .. ARGV[2] .. ' ' .. version .. ' ', 1, true) then
        return stored
    end
end
return false
""")

# ARGV: tag prefix, a new version, seconds to live, tags. Returns each tag's version or mark. A
# version that is there lives as long again: what is filled under it must not expire before its TTL.
VERSIONS = _script("""
local found = {}
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local version = redis.call('GET', key)
    if not version then
        version = ARGV[2]
        redis.call('SET', key, version, 'EX', ARGV[3])
    elseif string.sub(version, 1, 1) ~= '!' then
        redis.call('EXPIRE', key, ARGV[3])
    end
    found[index - 3] = version
end
return found
""")

# ARGV: tag prefix, a version, seconds to live, tags. Those that have this version expire after so
# many seconds.
SHORTEN = _script("""
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    if redis.call('GET', key) == ARGV[2] then
        redis.call('EXPIRE', key, ARGV[3])
    end
end
return 1
""")

# The marks of `marked` that have not expired, without the one of `token`; and the last deadline.
_OTHERS = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function others(marked, token)
    local kept, last = '', now
    if marked and string.sub(marked, 1, 1) == '!' then
        for other, deadline in string.gmatch(marked, '([^!@,]+)@(%d+)') do
            deadline = tonumber(deadline)
            if other ~= token and deadline > now then
                kept = kept .. other .. '@' .. string.format('%d', deadline) .. ','
                last = math.max(last, deadline)
            end
        end
    end
    return kept, last
end
"""

# ARGV: tag prefix, token, milliseconds until the mark expires, tags.
MARK = _script(f"""
{_OTHERS}
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local kept = others(redis.call('GET', key), ARGV[2])
    local mark = ARGV[2] .. '@' .. string.format('%d', now + ARGV[3]) .. ','
    redis.call('SET', key, '!' .. kept .. mark, 'PX', ARGV[3])
end
return 1
""")

# ARGV: tag prefix, token, tags. Other writers' marks stay; without any, the version goes.
RENEW = _script(f"""
{_OTHERS}
for index = 3, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local kept, last = others(redis.call('GET', key), ARGV[2])
    if kept == '' then
        redis.call('DEL', key)
    else
        redis.call('SET', key, '!' .. kept, 'PX', math.max(1, last - now))
    end
end
return 1
""")

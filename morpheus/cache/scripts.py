"""The protocol of the cache: Lua scripts that read and change values and tags atomically.

A stored value is `tag version tag version…`, a newline, and the payload. A tag's key holds one of:

- a version;
- `!` and for each writer that is about to commit `token@deadline,` in milliseconds (write intents);
- nothing: the next reader sets a new random version.

Callers pass whole keys of values. Scripts build the keys of tags with the prefix `ARGV[1]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1


@dataclass(frozen=True)
class Script:
    """The text of a script and the digest for `EVALSHA`."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# KEYS: values. ARGV: tag prefix. Returns each value whose versions equal those of its tags, or nil.
FETCH = _script("""
local current = {}
local values = {}
for index, key in ipairs(KEYS) do
    local stored = redis.call('GET', key)
    if stored then
        local head = string.sub(stored, 1, (string.find(stored, '\\n', 1, true) or 1) - 1)
        for tag, version in string.gmatch(head, '(%S+) (%S+)') do
            if current[tag] == nil then
                current[tag] = redis.call('GET', ARGV[1] .. tag)
            end
            if current[tag] ~= version then
                stored = false
                break
            end
        end
    end
    values[index] = stored
end
return values
""")

# ARGV: tag prefix, a new version, TTL in seconds, tags. Returns each tag's version or intents.
# Restarts the TTL of existing versions, so that no tag expires before a value that depends on it.
READ_VERSIONS = _script("""
local versions = {}
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local version = redis.call('GET', key)
    if not version then
        version = ARGV[2]
        redis.call('SET', key, version, 'EX', ARGV[3])
    elseif string.sub(version, 1, 1) ~= '!' then
        redis.call('EXPIRE', key, ARGV[3])
    end
    versions[index - 3] = version
end
return versions
""")

# ARGV: tag prefix, a version, TTL in seconds, tags. Sets the TTL of tags that have this version.
SHORTEN_TTL = _script("""
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    if redis.call('GET', key) == ARGV[2] then
        redis.call('EXPIRE', key, ARGV[3])
    end
end
return 1
""")

# `others` returns the unexpired write intents of `stored` except `token`'s, and the last deadline.
_OTHER_INTENTS = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function others(stored, token)
    local intents, last = '', now
    if stored and string.sub(stored, 1, 1) == '!' then
        for other, deadline in string.gmatch(stored, '([^!@,]+)@(%d+)') do
            deadline = tonumber(deadline)
            if other ~= token and deadline > now then
                intents = intents .. other .. '@' .. string.format('%d', deadline) .. ','
                last = math.max(last, deadline)
            end
        end
    end
    return intents, last
end
"""

# ARGV: tag prefix, token, milliseconds until the write intent expires, tags.
SET_WRITE_INTENTS = _script(f"""
{_OTHER_INTENTS}
for index = 4, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local intents = others(redis.call('GET', key), ARGV[2])
    local intent = ARGV[2] .. '@' .. string.format('%d', now + ARGV[3]) .. ','
    redis.call('SET', key, '!' .. intents .. intent, 'PX', ARGV[3])
end
return 1
""")

# ARGV: tag prefix, token, tags. Keeps write intents of other writers; else deletes the version.
INVALIDATE = _script(f"""
{_OTHER_INTENTS}
for index = 3, #ARGV do
    local key = ARGV[1] .. ARGV[index]
    local intents, last = others(redis.call('GET', key), ARGV[2])
    if intents == '' then
        redis.call('DEL', key)
    else
        redis.call('SET', key, '!' .. intents, 'PX', math.max(1, last - now))
    end
end
return 1
""")

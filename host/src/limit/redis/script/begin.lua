-- The clock, for all lines alike: in microseconds.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- What is kept as a text under a key; of something else, for the limit had another algorithm, nothing.
local function text(key)
  local kept = redis.pcall('GET', key)
  if type(kept) == 'table' then
    redis.call('DEL', key)
    return ''
  end
  return kept or ''
end

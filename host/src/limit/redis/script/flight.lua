-- What is in flight. Those whose node does not say that they have ended are forgotten after a period.
--
-- Kept: a sorted set of 'NODE NUMBER COST' by when they are forgotten, in milliseconds, and of '=' by how much they are
-- altogether, below zero.
local flight = {}

local function number(value) return string.format('%.0f', value) end

local function cost_of(member) return tonumber(string.match(member, ' (%d+)$')) end

local function set_count(key, state, count)
  state.count = count
  if count > 0 then
    redis.call('ZADD', key, number(-count), '=')
  else
    redis.call('DEL', key)
  end
end

function flight.read(n)
  return { cost = n(), count = n(), period = n(), node = n(), number = n() }
end

function flight.load(key, line)
  local count = redis.pcall('ZSCORE', key, '=')
  if type(count) == 'table' then
    -- Of another algorithm.
    redis.call('DEL', key)
    count = false
  end
  local state = { key = key, count = count and -tonumber(count) or 0 }
  if state.count == 0 then return state end
  local now_ms = math.floor(now / 1000)
  local left = state.count
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(0', number(now_ms))) do
    left = left - cost_of(member)
  end
  if left < state.count then
    redis.call('ZREMRANGEBYSCORE', key, '(0', number(now_ms))
    set_count(key, state, left)
  end
  -- A clock that has jumped back.
  local forgotten_at = number(now_ms + line.period)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. forgotten_at, '+inf')) do
    redis.call('ZADD', key, forgotten_at, member)
  end
  return state
end

function flight.fits(state, line)
  return state.count + line.cost <= line.count
end

local function member(line) return string.format('%.0f %.0f %.0f', line.node, line.number, line.cost) end

function flight.take(state, line)
  if line.cost == 0 then return end
  redis.call('ZADD', state.key, number(math.floor(now / 1000) + line.period), member(line))
  set_count(state.key, state, state.count + line.cost)
end

function flight.charge() end

function flight.give_back(state, line)
  if redis.call('ZREM', state.key, member(line)) == 1 then
    set_count(state.key, state, state.count - line.cost)
  end
end

-- It is in flight still. If Redis has forgotten it, for it was started again, it is there again.
function flight.renew(state, line)
  local its = member(line)
  if not redis.call('ZSCORE', state.key, its) then set_count(state.key, state, state.count + line.cost) end
  redis.call('ZADD', state.key, number(math.floor(now / 1000) + line.period), its)
end

function flight.save(key, state, line)
  if state.count > 0 then redis.call('PEXPIRE', key, number(line.period)) end
end

function flight.reply(state)
  return { state.count }
end

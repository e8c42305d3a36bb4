-- The sliding-window log: functions/limit/src/log.rs.
--
-- Kept: a list, the oldest first, of 'US COST SUM': when how much was taken, and what all of the list up to there sums up
-- to, counted from anywhere. So the sum of all is known from its ends.
local log = {}

local CHUNK = 100

local function entry(text)
  local us, cost, sum = string.match(text or '', '^(%d+) (%d+) (%d+)$')
  if us then return { us = tonumber(us), cost = tonumber(cost), sum = tonumber(sum) } end
end

local function text_of(e) return string.format('%.0f %.0f %.0f', e.us, e.cost, e.sum) end

local function at(key, place)
  local found = redis.pcall('LINDEX', key, place)
  if type(found) == 'table' then
    -- Of another algorithm.
    redis.call('DEL', key)
    return nil
  end
  return entry(found or nil)
end

local function push(state, cost)
  if cost == 0 then return end
  local last = state.newest
  state.used = state.used + cost
  if last and last.us == now then
    last.cost, last.sum = last.cost + cost, last.sum + cost
    redis.call('LSET', state.key, -1, text_of(last))
  else
    state.newest = { us = now, cost = cost, sum = (last and last.sum or 0) + cost }
    redis.call('RPUSH', state.key, text_of(state.newest))
  end
end

-- Takes it off one end: 0 is the oldest, -1 the newest.
local function forget(state, place, cost)
  while cost > 0 do
    local last = at(state.key, place)
    if not last then return end
    local given = math.min(cost, last.cost)
    last.cost, cost, state.used = last.cost - given, cost - given, state.used - given
    -- What the oldest ones summed up to is not looked at any more.
    if place == -1 then last.sum = last.sum - given end
    if last.cost == 0 then
      redis.call(place == 0 and 'LPOP' or 'RPOP', state.key)
    else
      redis.call('LSET', state.key, place, text_of(last))
    end
  end
end

-- What was taken in the future was taken now.
local function correct(key)
  local newest = at(key, -1)
  local last, from_future = newest, 0
  while last and last.us > now do
    redis.call('RPOP', key)
    from_future = from_future + last.cost
    last = at(key, -1)
  end
  if from_future == 0 then return false end
  redis.call('RPUSH', key, text_of({ us = now, cost = from_future, sum = newest.sum }))
  return true
end

function log.read(n)
  return { cost = n(), count = n(), period = n() * 1000 }
end

function log.load(key, line)
  local is_changed = correct(key)
  local oldest = at(key, 0)
  while oldest and now - oldest.us >= line.period do
    redis.call('LPOP', key)
    oldest = at(key, 0)
  end
  local newest = oldest and at(key, -1)
  local used = newest and newest.sum - oldest.sum + oldest.cost or 0
  return { key = key, newest = newest, used = used, is_changed = is_changed }
end

function log.fits(state, line)
  local excess = state.used + line.cost - line.count
  if excess <= 0 then return true end
  -- The moment with which so much of what counts does not count any more; or all of it.
  local freed, place = 0, 0
  while freed < excess do
    -- Each has cost one at least.
    local chunk = redis.call('LRANGE', state.key, place, place + math.min(CHUNK, excess - freed) - 1)
    if #chunk == 0 then break end
    for _, kept in ipairs(chunk) do
      local e = entry(kept)
      if freed < excess then freed, state.freed_at = freed + e.cost, e.us end
    end
    place = place + #chunk
  end
  return false
end

function log.take(state, line)
  push(state, line.cost)
end

function log.charge(state, line)
  if line.cost < 0 then
    forget(state, 0, -line.cost)
    state.newest = at(state.key, -1)
  else
    push(state, math.max(math.min(line.cost, 2 * line.count - state.used), 0))
  end
end

-- Of a take of just now.
function log.give_back(state, line)
  forget(state, -1, line.cost)
  state.newest = at(state.key, -1)
end

function log.save(key, state, line)
  local newest = at(key, -1)
  if newest then
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((newest.us + line.period - now) / 1000)))
  end
end

function log.reply(state)
  return { state.used, state.newest and state.newest.us or 0, state.freed_at or 0 }
end

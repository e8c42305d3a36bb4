-- GCRA, and leases of it: functions/limit/src/gcra.rs and lease/ledger.rs in exact integers. A number here holds 53 bits,
-- too few for nanoseconds since 1970, so times are pairs: microseconds, and nanoseconds below 1000.
--
-- Kept: 'g TAT_US TAT_NS', and of what is leased also 'LOWERED_US LOWERED_NS SINCE_US'.
local gcra = {}

local ZERO = { 0, 0 }

local function carry(us, ns)
  local more = math.floor(ns / 1000)
  return { us + more, ns - more * 1000 }
end

local function add(a, b) return carry(a[1] + b[1], a[2] + b[2]) end

local function times(a, n) return carry(a[1] * n, a[2] * n) end

local function less(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end

local function least(a, b) if less(a, b) then return a else return b end end

-- Nothing, if b is more.
local function sub(a, b)
  if not less(b, a) then return ZERO end
  return carry(a[1] - b[1], a[2] - b[2])
end

-- How often b > 0 is in a.
local function div(a, b)
  local n = math.floor((a[1] * 1000 + a[2]) / (b[1] * 1000 + b[2]))
  -- Rounding may have made it one too many or too few.
  while n > 0 and less(a, times(b, n)) do n = n - 1 end
  while not less(a, times(b, n + 1)) do n = n + 1 end
  return n
end

local function lower(state, by)
  by = least(by, state.level)
  if not less(ZERO, by) then return end
  state.is_changed = true
  state.level = sub(state.level, by)
  state.lowered = add(state.lowered, by)
end

function gcra.read(n)
  return {
    cost = n(), interval = { n(), n() }, tolerance = { n(), n() }, level_max = { n(), n() }, max_delay = { n(), n() },
    -- Of leases: how much is wanted, or 0; and what of another slice is given back.
    want = n(), unused = n(), position = { n(), n() }, since = n(),
  }
end

function gcra.load(key, line)
  local us, ns, lowered_us, lowered_ns, since = string.match(text(key), '^g (%d+) (%d+) ?(%d*) ?(%d*) ?(%d*)$')
  local state = { level = ZERO, lowered = ZERO, is_there = us ~= nil }
  if us then
    state.level = sub({ tonumber(us), tonumber(ns) }, { now, 0 })
    if less(ZERO, state.level) and since ~= '' then
      state.lowered, state.since = { tonumber(lowered_us), tonumber(lowered_ns) }, tonumber(since)
    end
  end
  lower(state, sub(state.level, line.level_max))
  if line.want > 0 then
    state.since = state.since or now
    gcra.give_back_unused(state, line)
    local there = div(sub(line.tolerance, state.level), line.interval)
    state.count = line.cost <= there and math.min(line.want, there) or 0
  end
  return state
end

function gcra.fits(state, line)
  if line.want > 0 then return state.count > 0 or line.cost == 0 end
  return not less(add(line.tolerance, line.max_delay), add(state.level, times(line.interval, line.cost)))
end

function gcra.take(state, line)
  state.taken = line.want > 0 and state.count or line.cost
  state.level = add(state.level, times(line.interval, state.taken))
end

function gcra.charge(state, line)
  local worth = times(line.interval, math.abs(line.cost))
  if line.cost < 0 then
    lower(state, worth)
  else
    local charged = least(add(state.level, worth), line.level_max)
    if less(state.level, charged) then state.level = charged end
  end
end

-- Of a take of just now.
function gcra.give_back(state, line)
  lower(state, times(line.interval, line.cost))
end

-- As much of a slice as has surely not leaked away.
function gcra.give_back_unused(state, line)
  if line.unused > 0 and line.since == state.since then
    local left = sub(sub(line.position, state.lowered), { now, 0 })
    lower(state, least(times(line.interval, line.unused), left))
  end
end

function gcra.save(key, state)
  if not less(ZERO, state.level) then
    if state.is_there then redis.call('DEL', key) end
    return
  end
  local tat = add(state.level, { now, 0 })
  local kept = string.format('g %.0f %.0f', tat[1], tat[2])
  if state.since then
    kept = string.format('%s %.0f %.0f %.0f', kept, state.lowered[1], state.lowered[2], state.since)
  end
  redis.call('SET', key, kept, 'PX', string.format('%.0f', math.floor(state.level[1] / 1000) + 1))
end

function gcra.reply(state)
  local position = add(add(state.level, state.lowered), { now, 0 })
  return { state.level[1], state.level[2], state.taken or 0, position[1], position[2], state.since or 0 }
end

-- The sliding-window counter: functions/limit/src/window.rs. Starts are milliseconds.
--
-- Kept: 'w START PREVIOUS CURRENT'.
local window = {}

local WINDOW_MAX = 16777215

-- a * b for a < 2^24 and b < 2^46, in two parts: its multiples of 2^24, and the rest.
local function product(a, b)
  local high = math.floor(b / 16777216)
  local low = a * (b - high * 16777216)
  local more = math.floor(low / 16777216)
  return a * high + more, low - more * 16777216
end

function window.read(n)
  return { cost = n(), count = n(), period = n() }
end

function window.load(key, line)
  local start, previous, current = string.match(text(key), '^w (%d+) (%d+) (%d+)$')
  local now_ms = math.floor(now / 1000)
  local this = now_ms - now_ms % line.period
  local state = { start = tonumber(start or 0), previous = tonumber(previous or 0), current = tonumber(current or 0) }
  local elapsed = now_ms - state.start
  if elapsed < 0 then
    -- A clock that has jumped back.
    state.start, state.is_changed = this, true
  elseif elapsed >= 2 * line.period then
    state.start, state.previous, state.current = this, 0, 0
  elseif elapsed >= line.period then
    state.start, state.previous, state.current = state.start + line.period, state.current, 0
  end
  return state
end

-- previous * (period - elapsed) <= room * period, in microseconds.
function window.fits(state, line)
  local room = line.count - line.cost - state.current
  if room < 0 then return false end
  if state.previous <= room then return true end
  local period = line.period * 1000
  local high, low = product(state.previous, period - (now - state.start * 1000))
  local room_high, room_low = product(room, period)
  return high < room_high or (high == room_high and low <= room_low)
end

function window.take(state, line)
  state.current = state.current + line.cost
end

function window.charge(state, line)
  if line.cost < 0 then
    local rest = math.max(-line.cost - state.current, 0)
    state.current = math.max(state.current + line.cost, 0)
    state.previous = math.max(state.previous - rest, 0)
  else
    local owed_max = math.min(2 * line.count, WINDOW_MAX)
    state.current = math.max(state.current, math.min(state.current + line.cost, owed_max))
  end
end

-- Of a take of just now.
function window.give_back(state, line)
  state.current = math.max(state.current - line.cost, 0)
end

function window.save(key, state, line)
  local windows = 0
  if state.current > 0 then windows = 2 elseif state.previous > 0 then windows = 1 end
  local left = state.start + windows * line.period - math.floor(now / 1000)
  if windows == 0 or left <= 0 then
    redis.call('DEL', key)
    return
  end
  local kept = string.format('w %.0f %.0f %.0f', state.start, state.previous, state.current)
  redis.call('SET', key, kept, 'PX', string.format('%.0f', left))
end

function window.reply(state)
  return { state.start, state.previous, state.current }
end

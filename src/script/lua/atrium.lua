-- The module: what require "atrium" gives.
--
-- SPDX-License-Identifier: MIT
local core = ...

------------------------------------------------------------------------------------------------
-- Timers

local Timer = core.timer_type
Timer.__name = "atrium.timer"
Timer.__index = { stop = core.timer_stop }
Timer.__metatable = false

local timer = { sleep = core.sleep }
function timer.after(ms, fn)
  return core.timer_start(ms, fn, false)
end
function timer.every(ms, fn)
  return core.timer_start(ms, fn, true)
end
function timer.setTimeout(fn, ms)
  return core.timer_start(ms or 0, fn, false)
end
function timer.setInterval(fn, ms)
  return core.timer_start(ms or 0, fn, true)
end
timer.clearTimeout = core.timer_stop
timer.clearInterval = core.timer_stop

------------------------------------------------------------------------------------------------
-- Log: level("event", { key = value }) or level("any text")

local log = {}

for _, level in ipairs { "debug", "info", "warn", "error" } do
  log[level] = function(event, fields)
    event = tostring(event)
    local list = {} -- key, value, key, value, ...
    if event == "" or event:find('[%s%c"=]') then
      list[1], list[2], event = "", event, "script"
    end
    if type(fields) == "table" and not core.is_bytes(fields) then
      local names, values = {}, {}
      for name, value in pairs(fields) do
        name = tostring(name)
        names[#names + 1], values[name] = name, tostring(value)
      end
      table.sort(names)
      for _, name in ipairs(names) do
        list[#list + 1] = name:gsub('[%s%c"=]', "_")
        list[#list + 1] = values[name]
      end
    elseif fields ~= nil then
      list[#list + 1], list[#list + 2] = "", tostring(fields)
    end
    core.log(level, event, list)
  end
end

------------------------------------------------------------------------------------------------
-- SQLite

local database = {}
function database:query(sql, ...)
  local rows, message = core.query(self, sql, ...)
  if not rows then
    core.raise(message or "the result is too large")
  end
  return rows
end
function database:exec(sql, ...)
  local rows, message = core.query(self, sql, ...)
  if not rows then
    core.raise(message or "the result is too large")
  end
  return rows.changes
end
-- The first row, or nil.
function database:get(sql, ...)
  local rows, message = core.query(self, sql, ...)
  if not rows then
    core.raise(message or "the result is too large")
  end
  return rows[1]
end
database.close = core.database_close
core.database_type.__name = "atrium.database"
core.database_type.__index = database
core.database_type.__metatable = false

------------------------------------------------------------------------------------------------

return {
  io = core.io,
  engine = core.new_engine,
  websocket = core.websocket,
  publish = core.publish,
  subscribers = core.channel_count,
  http = core.http,
  timer = timer,
  json = core.json,
  log = log,
  bytes = core.bytes,
  null = core.null,
  array = core.array,
  sqlite = { open = core.database },
  store = core.store,
  pattern = core.pattern,
  dir = core.dir,
  version = core.version,
  on = core.on_program,
  onHandover = core.on_handover,
  sleep = core.sleep,
  spawn = core.spawn,
  now = core.now,
  ready = core.ready,
  setTimeout = timer.setTimeout,
  setInterval = timer.setInterval,
  clearTimeout = core.timer_stop,
  clearInterval = core.timer_stop,
}

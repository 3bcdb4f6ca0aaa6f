-- Tasks, timers, waiting.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local expect = require "support.expect"
local timer = atrium.timer

-- spawn() runs until the first wait, then comes back.
local order = {}
atrium.spawn(function(a, b)
  order[#order + 1] = a
  atrium.sleep(1)
  order[#order + 1] = b
end, "first", "third")
order[#order + 1] = "second"
atrium.sleep(20)
expect.equal(table.concat(order, " "), "first second third")

-- An error in one is logged and counted, and no concern of its parent: not tested here, for the
-- runner takes any error for a failure. pcall() works across waits.
local ok, err = pcall(function()
  atrium.sleep(1)
  error("after a wait", 0)
end)
expect.equal(ok, false)
expect.equal(err, "after a wait")

-- Many tasks wait at once.
local woken = 0
for i = 1, 500 do
  atrium.spawn(function()
    atrium.sleep(i % 7)
    woken = woken + 1
  end)
end
atrium.sleep(50)
expect.equal(woken, 500)

-- Timers.
local fired = {}
timer.after(10, function() fired[#fired + 1] = "b" end)
timer.after(0, function() fired[#fired + 1] = "a" end)
local never = timer.after(5, function() fired[#fired + 1] = "never" end)
never:stop()
never:stop() -- twice is fine
local count, every = 0, nil
every = timer.every(1, function()
  count = count + 1
  if count == 3 then every:stop() end
end)
timer.sleep(60)
expect.equal(table.concat(fired), "ab")
expect.equal(count, 3)

-- A timer's handler may wait; the next call comes nevertheless.
local started, waiting = 0, nil
waiting = timer.every(1, function()
  started = started + 1
  if started == 2 then waiting:stop() end
  atrium.sleep(30)
end)
atrium.sleep(20)
expect.equal(started, 2)

-- JavaScript's names.
local js = 0
local id = atrium.setTimeout(function() js = js + 1 end, 1)
atrium.clearTimeout(id)
atrium.clearTimeout(nil)
timer.setTimeout(function() js = js + 10 end)
local interval
interval = timer.setInterval(function()
  js = js + 100
  timer.clearInterval(interval)
end, 1)
atrium.sleep(20)
expect.equal(js, 110)

-- The clock does not go back, and moves while one sleeps.
local before = atrium.now()
atrium.sleep(5)
assert(atrium.now() - before >= 5)

expect.error("function expected", atrium.spawn, 1)
expect.error("milliseconds", atrium.sleep, -1)
expect.error("milliseconds", timer.after, 1e12, print)
expect.error("function expected", timer.after, 1)
expect.error("timer expected", timer.clearTimeout, 5)
expect.error("cannot wait inside a coroutine", coroutine.wrap(function() atrium.sleep(1) end))

expect.error("cannot wait inside a function that C calls", table.sort, { 2, 1 }, function() atrium.sleep(1) end)
atrium.sleep(5) -- nothing of it is left to wake the wrong one

-- A coroutine of the script's own, which yields to the script, is its own affair.
local generator = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
expect.equal(generator() + generator() + generator(), 6)

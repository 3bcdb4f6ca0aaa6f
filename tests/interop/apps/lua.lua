-- lua.lua: what an application can do and do wrong. Places that fail say so: the tests look for their lines.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local words = require "parts.words"
local io = atrium.io
local db = atrium.sqlite.open ":memory:"
local started = "not yet"

atrium.on("listening", function(url) started = url end)

local function deep(n)
  if n == 0 then error "deep inside" end -- fails: deep
  return 1 + deep(n - 1)
end
local function forever(n) return 1 + forever(n + 1) end

io:on("connection", function(socket)
  local function on(event, fn) -- acknowledged with all that fn returns
    socket:on(event, function(...)
      local args, n = { ... }, select("#", ...)
      args[n](fn(unpack(args, 1, n - 1)))
    end)
  end

  ---- Mistakes ----
  socket:on("raise", function() error "on purpose" end) -- fails: raise
  socket:on("raise deep", function() deep(3) end)
  socket:on("raise late", function()
    atrium.sleep(10)
    error "after a wait" -- fails: late
  end)
  socket:on("raise in timer", function() atrium.timer.after(1, function() error "in a timer" end) end) -- fails: timer
  socket:on("raise in ack", function() socket:emit("please ack", function() error "in an ack" end) end) -- fails: ack
  socket:on("raise table", function() error { message = "a table", code = 5 } end)
  socket:on("raise nil", function() error(nil) end)
  socket:on("index nil", function(x) return x.y.z end) -- fails: index
  socket:on("overflow", function() forever(1) end)
  socket:on("endless string", function() error(("x"):rep(1000000)) end)
  socket:on("emit function", function() socket:emit("never", { deep = { fn = print } }) end) -- fails: encode
  socket:on("emit cycle", function()
    local t = {}
    t.t = t
    socket:emit("never", t)
  end)
  socket:on("emit mixed", function() socket:emit("never", { 1, 2, a = 3 }) end)
  socket:on("emit bad text", function() socket:emit("text", "a\255b") end)
  socket:on("emit reserved", function() socket:emit("disconnect") end)
  socket:on("emit nan", function() socket:emit("never", { 1, 0 / 0 }) end)
  socket:on("bad argument", function() socket:join(nil) end)
  socket:on("disconnect", function() if socket.data.raise then error "while leaving" end end)
  on("raise when leaving", function() socket.data.raise = true end)

  ---- Waiting ----
  on("wait", function(ms, value)
    atrium.sleep(ms)
    return value
  end)
  on("ping", function(n) return n end)
  on("slow query", function(rows)
    return db:query("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT count(*) AS n FROM c", rows)[1].n
  end)

  ---- The library ----
  on("join words", function(...) return words.join(...) end)
  on("require again", function() return require "parts.words" == words end)
  on("require broken", function()
    local ok, err = pcall(require, "parts.broken")
    return ok, tostring(err)
  end)
  on("require missing", function()
    local ok, err = pcall(require, "parts.missing")
    return ok, tostring(err)
  end)
  on("cjson", function(text)
    local cjson = require "cjson"
    local value = cjson.decode(text)
    value.again = { 1, 2, 3 }
    return cjson.encode(value), cjson.null == atrium.null
  end)
  on("json", function(text) return atrium.json.decode(text), atrium.json.encode(atrium.json.decode(text)) end)
  on("json error", function(text)
    local ok, err = pcall(atrium.json.decode, text)
    return ok, tostring(err)
  end)
  on("shapes", function()
    return {}, atrium.array {}, { 1, 2 }, atrium.array { "a" }, { a = 1 }, atrium.null, 1, 1.5, 2 ^ 53, true, "text", { { {} } }
  end)
  on("types", function(...)
    local list = atrium.array {}
    for i = 1, select("#", ...) do
      local v = select(i, ...)
      list[i] = v == atrium.null and "null" or type(v)
    end
    return list
  end)
  on("bytes", function(blob)
    return #blob, blob:byte(1), blob:sub(2, 3), tostring(blob), blob == atrium.bytes(tostring(blob)), blob .. atrium.bytes "!", type(blob)
  end)
  on("timers", function()
    local log = atrium.array {}
    atrium.timer.after(30, function() log[#log + 1] = "after 30" end)
    atrium.timer.after(5, function() log[#log + 1] = "after 5" end)
    local never = atrium.timer.after(10, function() log[#log + 1] = "never" end)
    never:stop()
    local n, every = 0, nil
    every = atrium.timer.every(2, function()
      n = n + 1
      if n == 3 then
        every:stop()
        log[#log + 1] = "three times"
      end
    end)
    atrium.sleep(80)
    return log, n
  end)
  on("log", function()
    atrium.log.info("things happened", { count = 3 })
    atrium.log.warn("careful", { what = "this and that" })
    atrium.log.debug "not shown"
  end)
  on("about", function() return started, atrium.dir, atrium.version end)

  ---- A socket that has gone ----
  on("haunt", function(id)
    local ghost
    for _, other in ipairs(io:fetchSockets()) do
      if other.id == id then ghost = other end
    end
    ghost:emit "go"
    while ghost.connected do atrium.sleep(2) end
    ghost:emit("boo", 1)
    ghost:join "room"
    ghost:leave "room"
    ghost:disconnect()
    ghost:disconnect(true)
    ghost.broadcast:emit "after life"
    local ok = pcall(function() return ghost:timeout(100):emitWithAck "boo" end)
    return ok, ghost.connected, ghost.id
  end)

  ---- SQLite ----
  on("sql", function(text, ...)
    local ok, rows = pcall(db.query, db, text, ...)
    return ok, ok and rows or tostring(rows)
  end)
  on("sql exec", function(text, ...) return db:exec(text, ...) end)
  on("sql blob", function(blob)
    local row = db:query("SELECT ? AS blob, typeof(?) AS type, typeof('x') AS text", blob, blob)[1]
    return row.blob, row.type, row.text
  end)
  on("sql together", function(n) -- many at once, answered in order
    local list, done = atrium.array {}, 0
    for i = 1, n do
      atrium.spawn(function()
        local n = db:query("SELECT ? AS n", i)[1].n
        list[#list + 1] = n
        done = done + 1
      end)
    end
    while done < n do atrium.sleep(1) end
    return list
  end)
end)

io:of("/raises"):on("connection", function() error "at the door" end) -- fails: connection
io:of("/raises"):on("connection", function(socket) socket:emit "welcome" end)

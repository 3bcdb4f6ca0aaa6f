-- chat.lua: the chat of the Socket.IO tutorial, finished.           atrium run examples/chat/chat.lua
--
-- Names, rooms, who is here, who is typing; messages kept in SQLite. Nothing a client says is trusted:
-- every value is checked for type and length before use.
--
-- Nothing is lost or doubled:
--   - a client repeats a message until it is acknowledged; (author, clientOffset) is unique in the table,
--     so a repeat is answered but neither stored nor sent again;
--   - a client that returns says in auth.serverOffset, for each room, the last message it has; it joins
--     first and is then sent all later ones, so a message is at worst sent twice and the page, which
--     knows messages by id, drops the second.
--
-- SPDX-License-Identifier: MIT

local atrium = require "atrium"
local io = atrium.io

local NAME_MAX, ROOM_MAX, TEXT_MAX = 24, 32, 2000 -- in code points
local ROOMS_MAX = 20                              -- rooms one connection may be in
local LISTED_MAX = 100                            -- rooms offered to join
local PAGE, BATCH = 50, 200                       -- messages in a page of history, in a batch of missed ones
local BURST, PER_SECOND = 60, 10                  -- requests of one connection
local HOME = "general"

io:configure {
  pingInterval = 10000, pingTimeout = 5000,       -- a silent cut is noticed within 15 seconds
  maxHttpBufferSize = 64 * 1024,
}
atrium.http:static("/", "public")                -- not this folder: the database may lie here

local db = atrium.sqlite.open(os.getenv "CHAT_DB" or "chat.db")
db:exec [[
  CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE                    -- known to the user's browser only
  );
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    author INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,                           -- the author's at the time
    body TEXT NOT NULL,
    at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    client_offset TEXT NOT NULL,
    UNIQUE (author, client_offset)
  );
  CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id);
]]

---- What clients may call things ------------------------------------------------------------------

-- Control characters, and marks that reorder or hide the text around them. U+200D, which joins emoji, may stay.
local UNSEEN = {
  "[%z\1-\31\127]", "\194[\128-\159]", "\226\128[\139\140\142\143\168-\174]", "\226\129[\160-\175]", "\239\187\191",
}

local function has_unseen(s)
  for _, pattern in ipairs(UNSEEN) do
    if s:find(pattern) then return true end
  end
  return false
end

-- What arrives is valid UTF-8: all bytes but continuation bytes begin a code point.
local function length(s) return select(2, s:gsub("[^\128-\191]", "")) end

local function trim(s) return (s:gsub("^%s+", ""):gsub("%s+$", "")) end

-- Each returns the cleaned value, or nil and a sentence for the user.
local function clean_name(v)
  if type(v) ~= "string" then return nil, "Choose a name." end
  v = trim(v:gsub("%s+", " "))
  if v == "" then return nil, "Choose a name." end
  if length(v) > NAME_MAX then return nil, "A name has at most " .. NAME_MAX .. " characters." end
  if has_unseen(v) then return nil, "This name has characters that cannot be shown." end
  return v
end

local function clean_room(v)
  if type(v) ~= "string" then return nil, "Give the room a name." end
  v = trim(v):gsub("^#+", ""):gsub("%s+", "-"):lower()
  if v == "" then return nil, "Give the room a name." end
  if length(v) > ROOM_MAX then return nil, "A room name has at most " .. ROOM_MAX .. " characters." end
  if has_unseen(v) or v:find "[^%w._\128-\255-]" then
    return nil, "A room name has only letters, digits, dots, dashes and underscores."
  end
  return v
end

local function clean_text(v)
  if type(v) ~= "string" then return nil, "The message is not text." end
  v = trim(v:gsub("\r\n?", "\n"):gsub("[%z\1-\8\11-\31\127]", ""))
  if v == "" then return nil, "The message is empty." end
  if length(v) > TEXT_MAX then return nil, "The message is longer than " .. TEXT_MAX .. " characters." end
  return v
end

---- Who is where ----------------------------------------------------------------------------------

local people = {}                -- user id -> { id, name, sockets }, of those online
local holders = {}               -- name in lower case -> id of who has it now
local rooms = { [HOME] = { here = {}, count = 0 } } -- name -> { here: user id -> sockets, count: users, kept: has messages }

-- Rooms of the application have a prefix, so that no name meets a socket's own room.
local function key(room) return "room:" .. room end

local function listed()
  local list = atrium.array {}
  for name, room in pairs(rooms) do list[#list + 1] = { name = name, people = room.count } end
  table.sort(list, function(a, b)
    if a.people ~= b.people then return a.people > b.people end
    return a.name < b.name
  end)
  for i = #list, LISTED_MAX + 1, -1 do list[i] = nil end
  return list
end

-- Tells everyone of the rooms, at most a few times a second however many come and go.
local telling = false
local function tell_rooms()
  if telling then return end
  telling = true
  atrium.timer.after(250, function()
    telling = false
    io:emit("rooms", listed())
  end)
end

local function members(room)
  local list = atrium.array {}
  for id in pairs(rooms[room].here) do list[#list + 1] = { id = id, name = people[id].name } end
  return list
end

local function arrive(room, person)
  rooms[room] = rooms[room] or { here = {}, count = 0 }
  local r = rooms[room]
  r.here[person.id] = (r.here[person.id] or 0) + 1
  if r.here[person.id] > 1 then return end        -- another tab of someone who is here
  r.count = r.count + 1
  io:to(key(room)):emit("joined", room, { id = person.id, name = person.name })
  tell_rooms()
end

local function depart(room, person)
  local r = rooms[room]
  r.here[person.id] = r.here[person.id] - 1
  if r.here[person.id] > 0 then return end
  r.here[person.id] = nil
  r.count = r.count - 1
  io:to(key(room)):emit("left", room, person.id)
  if r.count == 0 and not r.kept and room ~= HOME then rooms[room] = nil end
  tell_rooms()
end

-- Gives person the name. A name belongs to one person at a time, for as long as that person is online.
local function call(person, name)
  local old = person.name and person.name:lower()
  if old and holders[old] == person.id then holders[old] = nil end
  person.name = name
  holders[name:lower()] = person.id
end

local function taken(name, id)
  local holder = holders[name:lower()]
  return holder and holder ~= id and "Someone here is already called " .. name .. ". Choose another name."
end

---- Messages --------------------------------------------------------------------------------------

local COLUMNS = "id, room, author AS user, name, body AS text, at, client_offset AS clientOffset"

local function array_of(rows)
  local list = atrium.array {}
  for i, row in ipairs(rows) do list[i] = row end
  return list
end

-- The messages before an id (none: the newest), oldest first, and whether there are more before these.
local function page(room, before)
  local rows = db:query("SELECT * FROM (SELECT " .. COLUMNS .. " FROM messages WHERE room = ? AND id < ? " ..
                        "ORDER BY id DESC LIMIT ?) ORDER BY id", room, before or 2 ^ 53, PAGE + 1)
  local more = #rows > PAGE
  local list = array_of(rows)
  if more then table.remove(list, 1) end
  return list, more
end

-- Sends socket what it missed of room since offset; without a usable offset, the newest page.
local function replay(socket, room, offset)
  local newest = db:query("SELECT coalesce(max(id), 0) AS id FROM messages WHERE room = ?", room)[1].id
  if type(offset) ~= "number" or offset < 0 or offset > newest then
    local list, more = page(room)
    socket:emit("history", { room = room, messages = list, more = more, fresh = true, done = true })
    return
  end
  local last, rows = offset, nil
  repeat
    rows = db:query("SELECT " .. COLUMNS .. " FROM messages WHERE room = ? AND id > ? ORDER BY id LIMIT ?",
                    room, last, BATCH)
    if #rows > 0 then last = rows[#rows].id end
    socket:emit("history", { room = room, messages = array_of(rows), fresh = false, done = #rows < BATCH })
  until #rows < BATCH or not socket.connected
end

---- Connections -----------------------------------------------------------------------------------

io:use(function(socket, next)
  local auth = socket.handshake.auth
  if type(auth) ~= "table" then return next "Choose a name." end
  local name, why = clean_name(auth.name)
  if not name then return next(why) end
  local token = auth.token
  if type(token) ~= "string" or #token < 16 or #token > 64 or token:find "%W" then
    return next "This page is out of date. Load it again."
  end
  db:query("INSERT INTO users (token) VALUES (?) ON CONFLICT DO NOTHING", token)
  local id = db:query("SELECT id FROM users WHERE token = ?", token)[1].id
  why = taken(name, id)
  if why then return next(why) end
  socket.data.id, socket.data.name = id, name
  next()
end)

io:on("connection", function(socket)
  local id = socket.data.id
  local person = people[id] or { id = id, sockets = 0 }
  local mine, count = {}, 0                       -- rooms of this connection
  local credit, refilled = BURST, os.time()

  people[id] = person
  person.sockets = person.sockets + 1
  local renamed = person.name and person.name ~= socket.data.name
  call(person, socket.data.name)
  if renamed then io:emit("renamed", id, person.name) end

  local function may()
    local now = os.time()
    credit, refilled = math.min(BURST, credit + (now - refilled) * PER_SECOND), now
    credit = credit - 1
    return credit >= 0
  end

  -- Answers event with what fn returns; the acknowledgement is the last argument, if the client asked for one.
  local function on(event, fn)
    socket:on(event, function(...)
      local args, n = { ... }, select("#", ...)
      local ack = function() end
      if n > 0 and type(args[n]) == "function" then ack, args[n] = args[n], nil end
      if not may() then
        credit = 0
        return ack { error = "That was too fast. Wait a moment." }
      end
      ack(fn(args[1], args[2], args[3]))
    end)
  end

  local function enter(room)
    if not mine[room] then
      mine[room], count = true, count + 1
      arrive(room, person)
      socket:join(key(room))
    end
    socket:emit("members", room, members(room))
  end

  on("join", function(wanted)
    local room, why = clean_room(wanted)
    if not room then return { error = why } end
    if not mine[room] and count >= ROOMS_MAX then
      return { error = "You are in " .. ROOMS_MAX .. " rooms already. Leave one first." }
    end
    enter(room)
    replay(socket, room)                          -- before the answer: the page then has all it needs
    return { ok = true, room = room }
  end)

  on("leave", function(room)
    if type(room) ~= "string" or not mine[room] then return { ok = true } end
    mine[room], count = nil, count - 1
    socket:leave(key(room))
    depart(room, person)
    return { ok = true }
  end)

  on("name", function(wanted)
    local name, why = clean_name(wanted)
    why = why or taken(name, id)
    if why then return { error = why } end
    call(person, name)
    io:emit("renamed", id, name)
    return { ok = true, name = name }
  end)

  on("chat message", function(room, text, offset)
    if type(room) ~= "string" or not mine[room] then return { error = "You are not in this room." } end
    local why
    text, why = clean_text(text)
    if not text then return { error = why } end
    if type(offset) ~= "string" or offset == "" or #offset > 64 then
      return { error = "This page is out of date. Load it again." }
    end
    local name = person.name
    rooms[room].kept = true
    local new = db:query("INSERT INTO messages (room, author, name, body, client_offset) VALUES (?, ?, ?, ?, ?) " ..
                         "ON CONFLICT DO NOTHING RETURNING id, at", room, id, name, text, offset)[1]
    if not new then                               -- a repeat: it is stored, and was sent when it was
      local known = db:query("SELECT id, at FROM messages WHERE author = ? AND client_offset = ?", id, offset)[1]
      return { ok = true, id = known.id, at = known.at }
    end
    io:to(key(room)):emit("chat message", {
      id = new.id, room = room, user = id, name = name, text = text, at = new.at, clientOffset = offset,
    })
    return { ok = true, id = new.id, at = new.at }
  end)

  on("earlier", function(room, before)
    if type(room) ~= "string" or not mine[room] or type(before) ~= "number" then
      return { error = "You are not in this room." }
    end
    local list, more = page(room, before)
    return { ok = true, messages = list, more = more }
  end)

  on("typing", function(room, active)
    if type(room) ~= "string" or not mine[room] then return end
    socket:to(key(room)).volatile:emit("typing", room, id, person.name, active == true)
  end)

  socket:on("disconnect", function()
    for room in pairs(mine) do depart(room, person) end
    mine, count = {}, 0
    person.sockets = person.sockets - 1
    if person.sockets > 0 then return end
    people[id] = nil
    if holders[person.name:lower()] == id then holders[person.name:lower()] = nil end
  end)

  -- Everything up to here happens in one go: a message that follows the handshake finds its room joined.
  local auth = socket.handshake.auth
  local offsets = type(auth.serverOffset) == "table" and auth.serverOffset or {}
  local wanted = {}
  for _, v in ipairs(type(auth.rooms) == "table" and auth.rooms or {}) do
    local room = clean_room(v)
    if room and not mine[room] and count < ROOMS_MAX then
      enter(room)
      wanted[#wanted + 1] = room
    end
  end
  socket:emit("welcome", { id = id, name = person.name })
  socket:emit("rooms", listed())
  for _, room in ipairs(wanted) do
    if socket.connected then replay(socket, room, offsets[room]) end
  end
end)

for _, row in ipairs(db:query "SELECT DISTINCT room FROM messages") do
  rooms[row.room] = rooms[row.room] or { here = {}, count = 0 }
  rooms[row.room].kept = true
end

atrium.on("listening", function(url) print(url .. " - open it in two tabs") end)

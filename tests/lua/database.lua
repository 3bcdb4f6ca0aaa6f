-- SQLite.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local expect = require "support.expect"

local db = atrium.sqlite.open ":memory:"
expect.equal(db:exec "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE, x)", 0)

local done = db:query("INSERT INTO t (v, x) VALUES (?, ?)", "one", 1.5)
expect.equal(done.changes, 1)
expect.equal(done.lastInsertRowid, 1)
expect.equal(#done, 0)

-- Every type in and out; NULL is an absent field.
local b = atrium.bytes "\0\1"
local row = db:get("SELECT ? AS i, ? AS big, ? AS r, ? AS t, ? AS b, ? AS yes, ? AS no, ? AS n, ? AS m",
  7, 2 ^ 53, 0.25, "h\195\169", b, true, false, nil, atrium.null)
expect.equal(row.i, 7)
expect.equal(row.big, 2 ^ 53)
expect.equal(row.r, 0.25)
expect.equal(row.t, "h\195\169")
expect.equal(row.b, b)
expect.equal(row.yes, 1)
expect.equal(row.no, 0)
expect.equal(row.n, nil)
expect.equal(row.m, nil)
expect.equal(db:get("SELECT typeof(?) AS t", 7).t, "integer")
expect.equal(db:get("SELECT typeof(?) AS t", 7.5).t, "real")
expect.equal(db:get("SELECT typeof(?) AS t", b).t, "blob")
expect.equal(db:get("SELECT typeof(?) AS t", "7").t, "text")
expect.equal(db:get("SELECT typeof(?) AS t", nil).t, "null")

expect.equal(db:get "SELECT * FROM t WHERE id = 99", nil)
expect.equal(#db:query "SELECT * FROM t WHERE id = 99", 0)

-- A result can be emitted as it is.
expect.equal(atrium.json.encode(db:query "SELECT 1 AS a UNION SELECT 2"), '[{"a":1},{"a":2}]')
expect.equal(atrium.json.encode(db:query "SELECT * FROM t WHERE id = 99"), "[]")

-- Errors have SQLite's text and the script's line.
expect.error("UNIQUE constraint failed: t.v", db.query, db, "INSERT INTO t (v) VALUES (?)", "one")
expect.error("database.lua:", function() db:query "SELECT nothing" end)
expect.error("near \"SELEC\"", db.exec, db, "SELEC")
expect.error("takes 1 parameters, 0 were given", db.query, db, "SELECT ?")
expect.error("cannot bind table as parameter 2", db.query, db, "SELECT ?, ?", 1, {})
expect.error("database expected", db.query)

-- Statements of all tasks run in order; each waits for its own.
local seen = {}
for i = 1, 100 do
  atrium.spawn(function()
    db:query("INSERT INTO t (v) VALUES (?)", "n" .. i)
    seen[#seen + 1] = i
  end)
end
expect.equal(db:get("SELECT count(*) AS n FROM t").n, 101)
expect.equal(#seen, 100)
for i, n in ipairs(seen) do expect.equal(n, i) end

-- More parameters than fit on the stack of C.
local marks, values = {}, {}
for i = 1, 200 do marks[i], values[i] = "?", i end
local list = db:query("SELECT v FROM t WHERE id IN (" .. table.concat(marks, ",") .. ")", unpack(values))
expect.equal(#list, 101)

-- A slow statement delays the next ones of its database, and nothing else.
local slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT count(*) AS n FROM n"
local ticks, finished = 0, false
local ticker = atrium.timer.every(1, function() ticks = ticks + 1 end)
atrium.spawn(function()
  expect.equal(db:get(slow).n, 300000)
  finished = true
end)
local other = atrium.sqlite.open ":memory:"
expect.equal(other:get("SELECT 1 AS one").one, 1)
expect.equal(finished, false)
while not finished do atrium.sleep(1) end
assert(ticks > 0)
ticker:stop()

other:close()
other:close()
expect.error("the database is closed", other.query, other, "SELECT 1")

-- What was asked before the end is done.
local last = atrium.sqlite.open ":memory:"
local answered = false
atrium.spawn(function()
  last:exec "CREATE TABLE x (y)"
  answered = true
end)
last:close()
atrium.sleep(50)
expect.equal(answered, true)
db:close()

local atrium = require "atrium"
local db = atrium.sqlite.open ":memory:"
db:exec "CREATE TABLE t (x)"
atrium.sleep(1)
return { db = db }

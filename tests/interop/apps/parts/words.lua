-- parts/words.lua: a module beside the script.
return { join = function(...) return table.concat({ ... }, "+") end }

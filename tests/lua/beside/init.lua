return { name = ..., dir = require("atrium").dir }

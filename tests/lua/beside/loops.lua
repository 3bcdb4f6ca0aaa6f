return require "beside.loops"

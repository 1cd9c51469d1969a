-- Randomness without state: mixing of 32-bit words, and ids made from record numbers.
--
-- Owns: the mixing function, the keyed hash that all generated data comes from, and the
-- two-way mapping between (kind, number) and an id. Must not know: apps, fields, HTTP.
--
-- Runs on LuaJIT only (the bit library); nginx's Lua is LuaJIT.

local bit = require "bit"
local bxor, lshift, rshift, tobit, tohex = bit.bxor, bit.lshift, bit.rshift, bit.tobit, bit.tohex

local hash = {}

-- A bijection of 32-bit words that changes about half of the output bits for every input bit.
-- Adding shifted copies stands in for multiplication, which would leave the range where
-- doubles are exact.
local function mix(a)
  a = tobit(a + 0x6b43a9b5)
  a = tobit(a + lshift(a, 10))
  a = bxor(a, rshift(a, 6))
  a = tobit(a + lshift(a, 3))
  a = bxor(a, rshift(a, 11))
  a = tobit(a + lshift(a, 15))
  a = bxor(a, rshift(a, 7))
  a = tobit(a + lshift(a, 9))
  return bxor(a, rshift(a, 16))
end
hash.mix = mix

-- A 32-bit word (signed) that depends on all of its arguments; numbers are cut to 32 bits.
function hash.key(a, b, c)
  return mix(bxor(mix(bxor(mix(tobit(a)), tobit(b or 0))), tobit(c or 0)))
end

-- The hash of one number under a key.
function hash.of(key, number)
  return mix(bxor(mix(bxor(number, key)), key))
end

-- A generator of pseudo-random integers: `next(n)` answers 0 to n - 1. Deterministic in the seed.
function hash.random(seed)
  local state, step = hash.key(seed, 0x52414e44), 0
  return function(n)
    step = tobit(step + 1)
    return rshift(mix(bxor(state, mix(step))), 1) % n
  end
end

local ROUNDS = 8

-- Ids of one seed: `id(kind, number)` gives "i" and 32 hexadecimal digits, `number(id)` gives kind and
-- number back, or nil where the id was not made here. A Feistel network over four words:
-- number, kind and two words that only say "made here", so that a made-up id is found out.
function hash.ids(seed)
  local keys = {}
  for round = 1, ROUNDS do
    keys[round] = hash.key(seed, 0x494453, round)
  end
  local check_a, check_b = hash.key(seed, 0x41), hash.key(seed, 0x42)

  local function id(kind, number)
    local a, b, c, d = tobit(number), tobit(kind), check_a, check_b
    for round = 1, ROUNDS do
      local key = keys[round]
      a, b, c, d = bxor(b, mix(bxor(a, key))), c, bxor(d, mix(tobit(c + key))), a
    end
    return "i" .. tohex(a) .. tohex(b) .. tohex(c) .. tohex(d)
  end

  local function number(text)
    if #text ~= 33 or not text:find("^i[0-9a-f]+$") then return nil end
    local a, b = tobit(tonumber(text:sub(2, 9), 16)), tobit(tonumber(text:sub(10, 17), 16))
    local c, d = tobit(tonumber(text:sub(18, 25), 16)), tobit(tonumber(text:sub(26, 33), 16))
    for round = ROUNDS, 1, -1 do
      local key = keys[round]
      local a_before, c_before = d, b
      a, b, c, d = a_before, bxor(a, mix(bxor(a_before, key))),
        c_before, bxor(c, mix(tobit(c_before + key)))
    end
    if c ~= check_a or d ~= check_b then return nil end
    return b, a
  end

  return id, number
end

return hash

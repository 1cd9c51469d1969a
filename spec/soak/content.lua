-- What the soak writes: bytes of files and texts of records, each from a number, so that who compares them later needs
-- the number alone.
--
-- Owns: these. Must not know: who writes them. All Luas.

local content = {}

-- `size` bytes that depend on `seed`.
function content.bytes(seed, size)
  local slots = {}
  for i = 1, math.ceil(size / 16) do slots[i] = ("%06x%010x"):format(seed % 16777216, i) end
  return table.concat(slots):sub(1, size)
end

local ALPHABET = { "a", "B", "0", " ", "\n", '"', "\\", "/", "é", "ß", "日", "😀", "\226\128\168", "<", "%", "\t" }

-- A text with whatever JSON has to escape.
function content.text(seed)
  local parts = { "n" .. ("%d"):format(seed), " " }
  for _ = 1, seed % 23 do
    seed = (seed * 1103 + 12345) % 1000003
    parts[#parts + 1] = ALPHABET[seed % #ALPHABET + 1]
  end
  return table.concat(parts)
end

return content

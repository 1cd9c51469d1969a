-- The words that the made-up data is put together from.
--
-- Owns: pools of JSON text fragments, already escaped, without quotes around them. Some hold UTF-8,
-- some hold JSON escapes, because real data does. Must not know: seeds, fields, apps.
-- Names are plain generated words: none is taken from a person or a company.

local words = {}

local function pool(text)
  local list = {}
  for word in text:gmatch("[^|]+") do
    list[#list + 1] = word:match("^%s*(.-)%s*$")
  end
  return list
end

words.adjective = pool [[
  Quiet|Northern|Spare|Annual|Little|Open|Second|Modular|Green|Early|Portable|Shared|Plain|Wooden|
  Upper|Yearly|Seasonal|Double|Naïve|Grüne|Blue|Hollow|Bright|Remote|Static|Lower|Paper|Winter]]

words.noun = pool [[
  harbour|survey|kitchen|bridge|catalogue|orchard|archive|workshop|garden|signage|lighting|façade|
  brochure|warehouse|timetable|playground|library|staircase|entrance|exhibition|café|roof|
  courtyard|newsletter|handbook|water tank|heating|Überblick|corridor|greenhouse|ferry|workbench]]

words.task = pool [[
  plan|review|refit|inspection|launch|renewal|repair|design|move|extension|audit|trial|clean-up|
  relabelling|estimate|handover]]

words.sentence = pool [[
  The first draft is with the team and comes back on Friday.|
  Measure twice, cut once.|
  Two of the five samples were rejected; new ones are on the way.|
  Ask for the \"as built\" drawings before the visit.|
  Access is through the yard, the code is in the key box.|
  Prices hold until the end of the quarter.|
  Größe und Gewicht müssen noch geprüft werden.|
  The supplier delivers on Tuesdays only.|
  Décision attendue après la réunion de lundi.|
  Nothing to report this week.|
  Photos are kept in the folder S:\\survey\\photos.|
  The paint needs three days to dry, so plan around it.|
  見積もりは来週届きます。|
  Budget agreed in principle, the final figure is open.|
  Temperature must stay below 25 \u00b0C throughout.|
  Cables run behind the east wall, see sheet 4\/7.|
  The committee liked the second version best \ud83d\ude42|
  Please keep the old labels until the count is done.]]

words.note = pool [[
  call back on Monday|waiting for a signature|see the minutes, item 4|tabs\there\tand there|
  on hold until spring|keep for reference|“quoted” by the board|done, apart from the invoice]]

words.domain = pool [[
  orlaven.example|tamberry.example|quillmoor.example|vessando.example|bruntal.example|
  hollisk.example|perandia.example|zimmoth.example]]

local first_half = pool "Tam|Or|Ves|Quil|Bru|Hol|Per|Zim|Lan|Ker|Mol|Fen|Sil|Dor|Wen|Ral"
local second_half = pool "berry|laven|sando|moor|ntal|lisk|andia|moth|dover|rick|lune|ström|wick|tova|ello|nard"

-- Two halves make a name: words.name[1 .. 256].
words.name = {}
for _, first in ipairs(first_half) do
  for _, second in ipairs(second_half) do
    words.name[#words.name + 1] = first .. second
  end
end

words.company_form = pool "Works|Studio|& Partners|Cooperative|Supplies|Logistics|Group|Workshop"

return words

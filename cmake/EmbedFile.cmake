# cmake -D INPUT=page.js -D OUTPUT=page.js.inc -P EmbedFile.cmake: the bytes of a file as numbers, for an array's braces.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE "${OUTPUT}" "${bytes}\n")

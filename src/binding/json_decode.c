/* json_decode.c: from JSON that was checked to Lua values (see codec.h). Owns: the building of tables. Must not know:
 * how a text is checked.
 *
 * Speed decides here: all records of all pages come through. So tables are made at their final size (what an array or
 * object holds waits on the Lua stack until it is counted), and a record's keys come from its shape. */
#include "codec.h"

#include "../core/json.h"
#include "../core/json_scan.h"

#include <string.h>

enum {
    STAGED = 32,        /* stack slots for what a table will hold, before it is made; an even number */
    ROOM = STAGED + 8,  /* stack slots that one array or object needs */
    SMALL_STRING = 512, /* strings with escapes up to this size are put together on the C stack */
    MAX_KEYS = 256,     /* keys that a shape remembers */
};

/* A text that is being read. `at` moves on. */
struct source {
    const char *at;
    const char *end;
};

static void push_value(lua_State *L, struct source *source);

/* From behind a key to its value. */
static inline const char *skip_colon(const char *at) {
    return fu_json_skip_space(fu_json_skip_space(at) + 1);
}

/* ---- Strings and numbers ---- */

/* `source` stands inside of a string that begins at `start`, on its first backslash. */
FU_JSON_RARE static void push_escaped(lua_State *L, struct source *source, const char *start) {
    const char *at = source->at;
    while (*at == '\\') {
        at = fu_json_find_quote(at + 2, source->end);
    }
    source->at = at + 1;
    size_t size = (size_t)(at - start);
    if (size <= SMALL_STRING) {
        char bytes[SMALL_STRING];
        size = fu_json_unescape(start, size, bytes);
        lua_pushlstring(L, bytes, size);
    } else {
        char *bytes = lua_newuserdata(L, size);
        size = fu_json_unescape(start, size, bytes);
        lua_pushlstring(L, bytes, size);
        lua_remove(L, -2);
    }
}

/* `source` stands behind the opening quote. */
static inline void push_string(lua_State *L, struct source *source) {
    const char *start = source->at;
    const char *at = fu_json_find_quote(start, source->end);
    if (*at == '\\') {
        source->at = at;
        push_escaped(L, source, start);
    } else {
        source->at = at + 1;
        lua_pushlstring(L, start, (size_t)(at - start));
    }
}

static inline void push_number(lua_State *L, struct source *source) {
    int64_t integer;
    double number;
    if (fu_json_read_number(source->at, &source->at, &integer, &number) == FU_JSON_DOUBLE) {
        lua_pushnumber(L, number);
    } else if (LFU_HAS_INTEGERS) {
        lua_pushinteger(L, (lua_Integer)integer);
    } else {
        lua_pushnumber(L, (lua_Number)integer);
    }
}

/* ---- Arrays and objects ---- */

/* Moves over the comma; false: over the closing bracket. */
static inline bool next_item(struct source *source) {
    const char *at = fu_json_skip_space(source->at);
    bool more = *at == ',';
    source->at = more ? fu_json_skip_space(at + 1) : at + 1;
    return more;
}

/* Puts the elements on the stack, from `table` + 1 on, into a new table at `table`. */
static void gather_array(lua_State *L, int table) {
    int count = lua_gettop(L) - table;
    lua_createtable(L, count, 0);
    lua_replace(L, table);
    for (int i = count; i > 0; i--) {
        lua_rawseti(L, table, i);
    }
}

/* `source` stands behind the opening bracket. */
static void push_array(lua_State *L, struct source *source) {
    source->at = fu_json_skip_space(source->at);
    if (*source->at == ']') {
        source->at++;
        lua_createtable(L, 0, 0);
        lfu_array_mark(L, -1);
        return;
    }
    luaL_checkstack(L, ROOM, NULL);
    lua_pushnil(L); /* the table's place */
    int table = lua_gettop(L);
    int count = 0;
    bool more;
    do {
        push_value(L, source);
        more = next_item(source);
        count++;
    } while (more && count < STAGED);
    gather_array(L, table);
    while (more) {
        push_value(L, source);
        lua_rawseti(L, table, ++count);
        more = next_item(source);
    }
}

/* `source` stands on a key. Pushes it and moves to the value. */
static inline void push_key(lua_State *L, struct source *source) {
    source->at++;
    push_string(L, source);
    source->at = skip_colon(source->at);
}

/* Puts the keys and values on the stack, from `table` + 1 on, into a new table at `table`: in their order, since of two
 * equal keys the last one counts. */
static void gather_object(lua_State *L, int table) {
    int top = lua_gettop(L);
    lua_createtable(L, 0, (top - table) / 2);
    lua_replace(L, table);
    for (int i = table + 1; i < top; i += 2) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
}

/* `source` stands behind the opening bracket. */
static void push_object(lua_State *L, struct source *source) {
    source->at = fu_json_skip_space(source->at);
    if (*source->at == '}') {
        source->at++;
        lua_createtable(L, 0, 0);
        return;
    }
    luaL_checkstack(L, ROOM, NULL);
    lua_pushnil(L); /* the table's place */
    int table = lua_gettop(L);
    int count = 0;
    bool more;
    do {
        push_key(L, source);
        push_value(L, source);
        more = next_item(source);
        count += 2;
    } while (more && count < STAGED);
    gather_object(L, table);
    while (more) {
        push_key(L, source);
        push_value(L, source);
        lua_rawset(L, table);
        more = next_item(source);
    }
}

static void push_value(lua_State *L, struct source *source) {
    switch (*source->at) {
    case '"':
        source->at++;
        push_string(L, source);
        break;
    case '[':
        source->at++;
        push_array(L, source);
        break;
    case '{':
        source->at++;
        push_object(L, source);
        break;
    case 't':
        source->at += 4;
        lua_pushboolean(L, 1);
        break;
    case 'f':
        source->at += 5;
        lua_pushboolean(L, 0);
        break;
    case 'n':
        source->at += 4;
        lua_pushlightuserdata(L, NULL);
        break;
    default:
        push_number(L, source);
    }
}

void lfu_json_push(lua_State *L, const char *text, size_t size) {
    struct source source = {fu_json_skip_space(text), text + size};
    luaL_checkstack(L, ROOM, NULL);
    push_value(L, &source);
}

/* ---- Shapes ---- */

/* A key that was seen. Its bytes are those of a Lua string, which the shape's user value (an array) holds at `place`.
 */
struct known_key {
    const char *bytes;
    unsigned size;
    int place;
};

/* The keys in the order in which records have them, and which of them is likely next. Keys with escapes are none of
 * them. */
struct shape {
    unsigned count;
    unsigned next;
    struct known_key keys[MAX_KEYS];
};

void lfu_shape_new(lua_State *L) {
    struct shape *shape = lua_newuserdata(L, sizeof *shape);
    shape->count = 0;
    shape->next = 0;
    lua_createtable(L, 0, 0);
    lua_setuservalue(L, -2);
}

/* Equality of `size` bytes; inline, since keys are too short for a call. */
static inline bool same_bytes(const char *a, const char *b, size_t size) {
    uint64_t left;
    uint64_t right;
    if (size < sizeof left) {
        for (size_t i = 0; i < size; i++) {
            if (a[i] != b[i]) {
                return false;
            }
        }
        return true;
    }
    size_t last = size - sizeof left;
    for (size_t i = 0; i < last; i += sizeof left) {
        memcpy(&left, a + i, sizeof left);
        memcpy(&right, b + i, sizeof right);
        if (left != right) {
            return false;
        }
    }
    memcpy(&left, a + last, sizeof left);
    memcpy(&right, b + last, sizeof right);
    return left == right;
}

/* Is `key` what stands at `at`, behind an opening quote? */
static inline bool is_key(const struct known_key *key, const char *at, const char *end) {
    return (size_t)(end - at) > key->size && at[key->size] == '"' && same_bytes(at, key->bytes, key->size);
}

/* Remembers the Lua string on top of the stack as the key that comes next. Of too many keys all are forgotten: what
 * comes often is soon learnt again. */
static void learn_key(lua_State *L, struct shape *shape, int places) {
    size_t size;
    const char *bytes = lua_tolstring(L, -1, &size);
    if (shape->count == MAX_KEYS) {
        shape->count = 0;
        shape->next = 0;
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, places, (int)shape->count + 1);
    struct known_key *key = &shape->keys[shape->next];
    memmove(key + 1, key, (shape->count - shape->next) * sizeof *key);
    shape->count++;
    *key = (struct known_key){bytes, (unsigned)size, (int)shape->count};
    shape->next++;
}

/* Pushes the key behind whose opening quote `source` stands and that is not the one that was likely, and moves behind
 * its closing quote. */
FU_JSON_RARE static void push_other_key(lua_State *L, struct source *source, struct shape *shape, int places) {
    for (unsigned i = 0; i < shape->count; i++) {
        unsigned at = (shape->next + i) % shape->count;
        if (is_key(&shape->keys[at], source->at, source->end)) {
            source->at += shape->keys[at].size + 1;
            shape->next = at + 1;
            lua_rawgeti(L, places, shape->keys[at].place);
            return;
        }
    }
    const char *start = source->at;
    bool plain = *fu_json_find_quote(start, source->end) == '"';
    push_string(L, source);
    if (plain) {
        learn_key(L, shape, places);
    }
}

/* `source` stands behind the opening quote of a key. Pushes it and moves behind its closing quote. */
static inline void push_known_key(lua_State *L, struct source *source, struct shape *shape, int places) {
    if (shape->next < shape->count && is_key(&shape->keys[shape->next], source->at, source->end)) {
        const struct known_key *key = &shape->keys[shape->next++];
        source->at += key->size + 1;
        lua_rawgeti(L, places, key->place);
    } else {
        push_other_key(L, source, shape, places);
    }
}

void lfu_shape_push_record(lua_State *L, int shape_index, const char *text, size_t size, unsigned fields) {
    struct shape *shape = lua_touserdata(L, shape_index);
    struct source source = {fu_json_skip_space(fu_json_skip_space(text) + 1), text + size};
    luaL_checkstack(L, ROOM, NULL);
    lua_getuservalue(L, shape_index);
    int places = lua_gettop(L);
    lua_createtable(L, 0, (int)fields);
    int record = places + 1;
    shape->next = 0;
    bool more = *source.at == '"';
    while (more) {
        source.at++;
        push_known_key(L, &source, shape, places);
        source.at = skip_colon(source.at);
        push_value(L, &source);
        lua_rawset(L, record);
        more = next_item(&source);
    }
    lua_remove(L, places);
}

/* token.c: a token, and the texts in which it comes and is kept (see token.h).
 * Owns: what of them is a token. Must not know: who asks for one, where it is kept. */
#include "token.h"

#include "alloc.h"
#include "error.h"
#include "json.h"

#include <string.h>
#include <strings.h>

void fu_token_free(struct fu_token *token) {
    fu_free_secret(token->access);
    fu_free_secret(token->type);
    fu_free_secret(token->refresh);
    *token = (struct fu_token)FU_TOKEN_NONE;
}

const char *fu_token_fault(const char *token) {
    if (token[0] == '\0') {
        return "it is empty";
    }
    for (const char *at = token; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return "it holds a space, a line end or another character that no header may hold";
        }
    }
    return NULL;
}

/* What is wrong with it, in words that hold none of it; NULL: nothing. */
static const char *fault_of(const fusioo_token *token) {
    if (token->access_token == NULL) {
        return "it has no access_token";
    }
    if (fu_token_fault(token->access_token) != NULL) {
        return "its access_token is empty, or holds a character that no header may hold";
    }
    if (token->token_type != NULL && token->token_type[0] != '\0' && strcasecmp(token->token_type, "bearer") != 0) {
        return "its token_type is not Bearer, and no other is known here";
    }
    return NULL;
}

static bool has_text(const char *text) {
    return text != NULL && text[0] != '\0';
}

bool fu_token_set(struct fu_token *token, const fusioo_token *from, fusioo_error *error) {
    const char *fault = fault_of(from);
    if (fault != NULL) {
        return fu_error_set(error, FUSIOO_INVALID, "this is no token: %s", fault);
    }
    const char *refresh = has_text(from->refresh_token) ? from->refresh_token : NULL;
    struct fu_token copy = {fu_strdup(from->access_token), fu_strdup(from->token_type), fu_strdup(refresh),
                            from->expires_at};
    if (copy.access == NULL || (from->token_type != NULL && copy.type == NULL) ||
        (refresh != NULL && copy.refresh == NULL)) {
        fu_token_free(&copy);
        return fu_error_memory(error);
    }
    fu_token_free(token);
    *token = copy;
    return true;
}

fusioo_token fu_token_show(const struct fu_token *token) {
    return (fusioo_token){token->access, token->type, token->refresh, token->expires_at};
}

bool fu_same_text(const char *one, const char *other) {
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* ---- JSON ---- */

/* What a member of an answer or of a kept token may be. */
struct found {
    struct fu_token token;
    double life;
    char *error, *description;
};

/* Takes a string member in the place of an earlier one. False: no memory. */
static bool take_string(char **target, struct fu_slice value) {
    char *text = fu_malloc(value.size);
    if (text == NULL) {
        return false;
    }
    size_t size = fu_json_unescape(value.data + 1, value.size - 2, text); /* between the quotes */
    if (memchr(text, '\0', size) != NULL) {
        size = 0; /* a NUL byte: no token has one */
    }
    text[size] = '\0'; /* the room of the quotes */
    fu_free_secret(*target);
    *target = text;
    return true;
}

/* A number of seconds, also where it is written as a string; what is no such number is not there. */
static void take_seconds(double *target, struct fu_slice value) {
    static const double most = 1e15;
    const char *at = value.data;
    const char *end;
    int64_t integer = 0;
    double number = 0;
    if (*at == '"') {
        at++;
    }
    if (*at < '0' || *at > '9') {
        return;
    }
    if (fu_json_read_number(at, &end, &integer, &number) == FU_JSON_INTEGER) {
        number = (double)integer;
    }
    if (number <= most) {
        *target = number;
    }
}

static bool take_member(struct found *found, struct fu_slice key, struct fu_slice value) {
    const struct {
        const char *name;
        char **target;
    } strings[] = {
        {"access_token", &found->token.access},     {"token_type", &found->token.type},
        {"refresh_token", &found->token.refresh},   {"error", &found->error},
        {"error_description", &found->description},
    };
    if (fu_json_raw_equals(key, "expires_in")) {
        take_seconds(&found->life, value);
    } else if (fu_json_raw_equals(key, "expires_at")) {
        take_seconds(&found->token.expires_at, value);
    }
    for (size_t i = 0; i < sizeof strings / sizeof strings[0] && value.data[0] == '"'; i++) {
        if (fu_json_raw_equals(key, strings[i].name)) {
            return take_string(strings[i].target, value);
        }
    }
    return true;
}

static void free_found(struct found *found) {
    fu_token_free(&found->token);
    fu_free_secret(found->error);
    fu_free_secret(found->description);
}

/* Reads an object's members. False: it is none (`*error` is FUSIOO_DECODE), or FUSIOO_MEMORY. */
static bool read_members(struct found *found, const char *text, size_t size, fusioo_error *error) {
    struct fu_json reader;
    struct fu_slice key;
    struct fu_slice value;
    *found = (struct found){.token = FU_TOKEN_NONE, .life = -1};
    fu_json_start(&reader, text, size);
    if (fu_json_open_object(&reader)) {
        while (fu_json_next_member(&reader, &key, NULL) && fu_json_value(&reader, &value)) {
            if (!take_member(found, key, value)) {
                free_found(found);
                return fu_error_memory(error);
            }
        }
    }
    if (reader.reason != NULL || reader.depth != 0 || !fu_json_finish(&reader)) {
        free_found(found);
        return fu_error_set(error, FUSIOO_DECODE, "it is no JSON object");
    }
    return true;
}

bool fu_token_read(struct fu_token *token, const char *text, size_t size, fusioo_error *error) {
    struct found found;
    if (size == 0 || text[strspn(text, " \t\r\n")] == '\0') {
        fu_token_free(token);
        return true;
    }
    fusioo_error trouble;
    if (!read_members(&found, text, size, &trouble)) {
        return trouble.kind == FUSIOO_MEMORY
                   ? fu_error_memory(error)
                   : fu_error_set(error, FUSIOO_INVALID, "this is no token: %s", trouble.message);
    }
    fusioo_token shown = fu_token_show(&found.token);
    bool good = fu_token_set(token, &shown, error);
    free_found(&found);
    return good;
}

static void put_member(struct fu_buffer *text, const char *name, const char *value) {
    if (value != NULL) {
        fu_buffer_putc(text, text->size == 0 ? '{' : ',');
        fu_json_write_string(text, name, strlen(name));
        fu_buffer_putc(text, ':');
        text->failed = !fu_json_write_string(text, value, strlen(value)) || text->failed;
    }
}

bool fu_token_write(const struct fu_token *token, const struct fu_token_owner *owner, struct fu_buffer *text) {
    put_member(text, "access_token", token->access);
    put_member(text, "token_type", token->type);
    put_member(text, "refresh_token", token->refresh);
    put_member(text, "kept_for", owner->client_id);
    put_member(text, "comes_from", owner->token_url);
    if (token->expires_at >= 0) {
        fu_buffer_puts(text, ",\"expires_at\":");
        fu_json_write_double(text, token->expires_at, false);
    }
    fu_buffer_puts(text, "}\n");
    return !text->failed;
}

/* Is the member `name` missing, or `wanted`? */
static bool fits(struct fu_slice key, struct fu_slice value, const char *name, const char *wanted) {
    struct fu_slice words = {value.data + 1, value.size - 2}; /* between the quotes */
    return !fu_json_raw_equals(key, name) || value.data[0] != '"' || fu_json_raw_equals(words, wanted);
}

bool fu_token_is_of(const char *text, size_t size, const struct fu_token_owner *owner) {
    struct fu_json reader;
    struct fu_slice key;
    struct fu_slice value;
    bool good = true;
    fu_json_start(&reader, text, size);
    if (fu_json_open_object(&reader)) {
        while (fu_json_next_member(&reader, &key, NULL) && fu_json_value(&reader, &value)) {
            good = good && fits(key, value, "kept_for", owner->client_id) &&
                   fits(key, value, "comes_from", owner->token_url);
        }
    }
    return good;
}

bool fu_token_read_answer(struct fu_token_answer *answer, const char *text, size_t size, fusioo_error *error) {
    struct found found;
    if (!read_members(&found, text, size, error)) {
        return false;
    }
    bool good = true;
    answer->token = (struct fu_token)FU_TOKEN_NONE;
    answer->life = found.life > 0 ? found.life : -1;
    if (has_text(found.error)) {
        fu_error_copy(answer->error, sizeof answer->error, found.error, strlen(found.error));
        if (found.description != NULL) {
            fu_error_copy(answer->description, sizeof answer->description, found.description,
                          strlen(found.description));
        }
    } else {
        fusioo_token shown = fu_token_show(&found.token);
        shown.expires_at = -1;
        const char *fault = fault_of(&shown);
        good = fault == NULL ? fu_token_set(&answer->token, &shown, error)
                             : fu_error_set(error, FUSIOO_DECODE, "%s", fault);
    }
    free_found(&found);
    return good;
}

/* error.c: filling in error values, and reading them out loud (see error.h and fusioo.h).
 * Owns: the words of an error. Must not know: anything above floor 1. */
#include "error.h"

#include "json_scan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *advice; /* what to do; NULL: the message says it all */
    bool again;         /* does the advice tell to try again? */
} kinds[] = {
    [FUSIOO_OK] = {"ok", NULL, false},
    [FUSIOO_API] = {"api", NULL, false},
    [FUSIOO_AUTH] = {"auth", "check the access token: it may be wrong, expired or revoked", false},
    [FUSIOO_RATE_LIMIT] = {"rate_limit", "wait, or spend fewer calls", false},
    [FUSIOO_NOT_FOUND] = {"not_found", "check the id, and that the token's user may see it", false},
    [FUSIOO_NETWORK] = {"network", NULL, false},
    [FUSIOO_TIMEOUT] = {"timeout", "try again, or allow more in the option timeout", true},
    [FUSIOO_DECODE] = {"decode", "the service, or something between, sent an unreadable answer: try again later", true},
    [FUSIOO_TOO_LARGE] = {"too_large", "ask for less, or allow more in the option max_body", false},
    [FUSIOO_MOVED] = {"moved", "start again when fewer rows change, or sort by a field that does not", false},
    [FUSIOO_INVALID] = {"invalid", NULL, false},
    [FUSIOO_UNSUPPORTED] = {"unsupported", NULL, false},
    [FUSIOO_CANCELLED] = {"cancelled", NULL, false},
    [FUSIOO_CLOSED] = {"closed", NULL, false},
    [FUSIOO_MEMORY] = {"memory", NULL, false},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *fusioo_kind_name(fusioo_kind kind) {
    return (size_t)kind < KINDS ? kinds[kind].name : "unknown";
}

void fu_error_clear(fusioo_error *error, fusioo_kind kind) {
    if (error != NULL) {
        memset(error, 0, sizeof *error);
        error->kind = kind;
        error->retry_after = -1;
        error->resume = -1;
    }
}

void fu_error_copy(char *target, size_t room, const char *text, size_t size) {
    if (size > room - 1) {
        size = room - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        target[i] = byte < 0x20 || byte == 0x7f ? ' ' : text[i];
    }
    target[size] = '\0';
}

/* Puts a question mark for whatever is no whole UTF-8 character: formats cut the texts they quote (%.100s) anywhere. */
static void mend_characters(char *text) {
    const char *end = text + strlen(text);
    char *target = text;
    for (const char *at = text; at < end;) {
        size_t size = (unsigned char)*at < 0x80 ? 1 : fu_json_sequence(at, end);
        if (size > 0) {
            memmove(target, at, size);
            target += size;
            at += size;
            continue;
        }
        *target++ = '?';
        do {
            at++;
        } while (((unsigned char)*at & 0xc0) == 0x80);
    }
    *target = '\0';
}

bool fu_error_set(fusioo_error *error, fusioo_kind kind, const char *format, ...) {
    if (error == NULL) {
        return false;
    }
    fu_error_clear(error, kind);
    char message[sizeof error->message * 2];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(message, sizeof message, format, values);
    va_end(values);
    if (size > 0) {
        mend_characters(message);
        fu_error_copy(error->message, sizeof error->message, message, strlen(message));
    }
    return false;
}

bool fu_error_memory(fusioo_error *error) {
    return fu_error_set(error, FUSIOO_MEMORY, "not enough memory");
}

/* A line of text that is cut where its room ends but knows how long it would be. */
struct line {
    char *text;
    size_t size, room;
};

static void say(struct line *line, const char *format, ...) FU_PRINTF(2, 3);

static void say(struct line *line, const char *format, ...) {
    va_list values;
    va_start(values, format);
    size_t room = line->size < line->room ? line->room - line->size : 0;
    int size = vsnprintf(room > 0 ? line->text + line->size : NULL, room, format, values);
    va_end(values);
    line->size += size > 0 ? (size_t)size : 0;
}

/* Most advice is about an answer; without one the message has said what to do. Who must look before sending again gets
 * none to try again. */
static const char *advice_on(const fusioo_error *error) {
    bool asked = error->method[0] != '\0';
    if (error->kind == FUSIOO_MOVED) {
        return kinds[FUSIOO_MOVED].advice;
    }
    if (!asked || (error->kind == FUSIOO_AUTH && error->status == 0) || (size_t)error->kind >= KINDS) {
        return NULL;
    }
    if (error->kind == FUSIOO_API && error->status >= 500 && error->status != 501 && !error->maybe_done) {
        return "the service, or something before it, is in trouble: try again later";
    }
    return kinds[error->kind].again && error->maybe_done ? NULL : kinds[error->kind].advice;
}

size_t fusioo_error_text(const fusioo_error *error, char *text, size_t size) {
    struct line line = {text, 0, size};
    if (size > 0) {
        text[0] = '\0';
    }
    say(&line, "fusioo: ");
    if (error->method[0] != '\0') {
        say(&line, "%s %s: ", error->method, error->path);
    }
    if (error->status != 0) {
        say(&line, "HTTP %d", error->status);
        if (error->has_code) {
            say(&line, ", code %lld", (long long)error->code);
        }
        say(&line, error->message[0] != '\0' ? ": " : "");
    }
    say(&line, "%s", error->message);
    if (error->attempts > 1) {
        say(&line, " (after %d attempts)", error->attempts);
    }
    say(&line, " [%s]", fusioo_kind_name(error->kind));
    if (error->retry_after >= 0) {
        say(&line, "; free again in %.0f s", ceil(error->retry_after));
    }
    if (error->maybe_done) {
        say(&line, "; the service may have carried it out: look before you send it again");
    }
    const char *advice = advice_on(error);
    if (advice != NULL) {
        say(&line, "; %s", advice);
    }
    if (error->resume > 0) {
        say(&line, "; go on with offset = %lld", (long long)error->resume);
    }
    return line.size;
}

/* token.h: a token, and the texts in which it comes and is kept.
 *
 * Owns: what of them is a token. Must not know: who asks for one, where it is kept. Strings are wiped when they go. */
#ifndef FU_TOKEN_H
#define FU_TOKEN_H

#include "buffer.h"
#include "fusioo.h"

#include <stdbool.h>
#include <stddef.h>

struct fu_token {
    char *access; /* NULL: there is no token */
    char *type;
    char *refresh;     /* NULL: none */
    double expires_at; /* seconds since 1970; negative: not known */
};

#define FU_TOKEN_NONE                                                                                                  \
    { NULL, NULL, NULL, -1 }

/* For whom a kept token is: nobody else is to be sent it. */
struct fu_token_owner {
    const char *client_id, *token_url;
};

/* What the token endpoint answers. */
struct fu_token_answer {
    struct fu_token token;
    double life;           /* seconds; negative: it does not say */
    char error[64];        /* RFC 6749's code; "": there is a token */
    char description[256]; /* what it says besides; both are cut to fit, at their ends */
};

/* Wipes and frees the strings; there is no token afterwards. */
void fu_token_free(struct fu_token *token);

/* Says why `token` cannot go into a header; NULL: it can. */
const char *fu_token_fault(const char *token);

/* Puts copies of the strings of `from` in the place of what there was. False: FUSIOO_INVALID (it cannot be a token) or
 * FUSIOO_MEMORY; what there was stays. */
bool fu_token_set(struct fu_token *token, const fusioo_token *from, fusioo_error *error);

/* The same token as others may see it; its strings stay where they are. */
fusioo_token fu_token_show(const struct fu_token *token);

/* Are both the same text, or both NULL? */
bool fu_same_text(const char *one, const char *other);

/* Reads the `size` bytes of JSON at `text` (a NUL follows), as a store keeps them; nothing, or spaces alone, is no
 * token. False: FUSIOO_INVALID (it is none; nothing of it is repeated) or FUSIOO_MEMORY. */
bool fu_token_read(struct fu_token *token, const char *text, size_t size, fusioo_error *error);

/* Appends what fu_token_read reads, and whose it is. False: no memory. */
bool fu_token_write(const struct fu_token *token, const struct fu_token_owner *owner, struct fu_buffer *text);

/* Is what fu_token_read reads `owner`'s? A text that does not say whose it is is anybody's: one that a program has
 * written. */
bool fu_token_is_of(const char *text, size_t size, const struct fu_token_owner *owner);

/* Reads an answer of the token endpoint into a zeroed `answer`, whose token the caller frees. False: FUSIOO_DECODE (it
 * is neither a token nor an error) or FUSIOO_MEMORY. */
bool fu_token_read_answer(struct fu_token_answer *answer, const char *text, size_t size, fusioo_error *error);

#endif

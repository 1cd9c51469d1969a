/* redirect.h: the way to the authorize page and back.
 *
 * Owns: what may come back, and that it is what was sent for. Must not know: token requests, stores. */
#ifndef FU_REDIRECT_H
#define FU_REDIRECT_H

#include "buffer.h"
#include "fusioo.h"
#include "token.h"

#include <stdbool.h>

/* What came back. */
struct fu_redirect {
    char *code; /* NULL: the grant is implicit */
    struct fu_token token;
    double life; /* of the token, seconds; negative: not said */
};

/* Wipes and frees what it holds. */
void fu_redirect_free(struct fu_redirect *redirect);

/* Fills `state` with 128 fresh random bits. False: FUSIOO_NETWORK, the system gave none. */
bool fu_state_make(char state[FUSIOO_STATE_SIZE], fusioo_error *error);

/* Can `uri` be a redirect URI: a whole address without a fragment? False: FUSIOO_INVALID. */
bool fu_redirect_check(const char *uri, fusioo_error *error);

/* Reads `url`, where the authorize page has led to, whole, into a zeroed `redirect`. It must be `redirect_uri` with
 * something behind it, and bring `state` back. False: FUSIOO_INVALID (it is another address, another state, it brings
 * nothing), FUSIOO_AUTH (the page said no) or FUSIOO_MEMORY. No error repeats a code, a token or a state; one may end
 * with what the page says, which is to be scrubbed. */
bool fu_redirect_read(struct fu_redirect *redirect, const char *url, const char *redirect_uri, const char *state,
                      bool implicit, fusioo_error *error);

/* Gives `*target` (the caller frees it with fu_free) what stands in `uri` from its path on, "/" at least: where a
 * server waits for the redirect. `*port` becomes the port, 0 where it does not lead to 127.0.0.1 by http. False:
 * FUSIOO_MEMORY. */
bool fu_redirect_target(const char *uri, char **target, int *port, fusioo_error *error);

#endif

/* ask.h: questions for a token as programs ask them (see fusioo_oauth.h).
 *
 * Owns: a question's answer, and the server that waits for a redirect. Must not know: how a token is got, Lua. */
#ifndef FU_ASK_H
#define FU_ASK_H

#include "fusioo.h"

struct fu_context;

/* The context of the question's engine. */
struct fu_context *fu_ask_context(const fusioo_ask *ask);

/* Ends the questions that wait for a redirect with FUSIOO_CANCELLED: the engine is given up. */
void fu_asks_end(struct fu_context *context);

#endif

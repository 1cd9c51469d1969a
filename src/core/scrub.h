/* scrub.h: taking secrets out of texts that people will read.
 *
 * Owns: what is put in a secret's place. Must not know: whose secret it is. A service may repeat in an error message
 * what it was sent, and a store's function may raise an error that quotes it. */
#ifndef FU_SCRUB_H
#define FU_SCRUB_H

#include <stddef.h>

/* Puts "***" in the place of each occurrence of `secret` in `text`, also of one that the end of the text has cut off,
 * that is encoded as in a form or an address, or whose control characters have become spaces.
 * What is shorter than 4 bytes is no secret, and would take letters out of words. NULL is fine. */
void fu_scrub(char *text, const char *secret);

/* The same for `count` secrets at once: of one that begins with another all goes. */
void fu_scrub_all(char *text, const char *const secrets[], size_t count);

#endif

/* seen.h: which ids were handed out.
 *
 * Owns: fingerprints of ids. Must not know: ids themselves, pages.
 * 64-bit fingerprints under a random key at about 10 bytes each. The odds that any two of n ids share one are n * n /
 * 2^65: 3 in 100 million for a million records. */
#ifndef FU_SEEN_H
#define FU_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fu_seen_part;

/* All zero is an empty set. It grows by parts: a table that doubled would need three times its size while it moves. */
struct fu_seen {
    struct fu_seen_part *parts; /* the newest first */
    size_t count;
};

/* Frees all. */
void fu_seen_free(struct fu_seen *seen);

/* Makes room for `more` further fingerprints in one piece, of 4 million at most. False: no memory. */
bool fu_seen_reserve(struct fu_seen *seen, size_t more);

/* Is `print` in it? */
bool fu_seen_has(const struct fu_seen *seen, uint64_t print);

/* Adds `print`; `*added` becomes false where it was in it already. False: no memory. */
bool fu_seen_add(struct fu_seen *seen, uint64_t print, bool *added);

#endif

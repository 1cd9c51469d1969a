/* random.h: randomness of the operating system, and a keyed hash.
 *
 * Owns: nothing. Must not know: anything above floor 1. */
#ifndef FU_RANDOM_H
#define FU_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills `size` bytes from the operating system. False: it gave none. */
bool fu_random_bytes(void *bytes, size_t size);

/* A number in [0, 1) from the state at `state`, which it moves on: good enough to spread waits, not for secrets. */
double fu_random_unit(uint64_t *state);

/* The key of fu_hash. */
struct fu_hash_key {
    uint64_t low, high;
};

/* SipHash-1-3 of `size` bytes: nobody who does not know the key can make two texts meet. */
uint64_t fu_hash(const struct fu_hash_key *key, const void *bytes, size_t size);

#endif

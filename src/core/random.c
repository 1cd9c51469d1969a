/* random.c: randomness of the operating system, and a keyed hash (see random.h).
 * Owns: nothing. Must not know: anything above floor 1. */
#include "random.h"

#include <string.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

bool fu_random_bytes(void *bytes, size_t size) {
    unsigned char *at = bytes;
    while (size > 0) {
        size_t part = size < 256 ? size : 256; /* getentropy gives no more at a time */
        if (getentropy(at, part) != 0) {
            return false;
        }
        at += part;
        size -= part;
    }
    return true;
}

double fu_random_unit(uint64_t *state) {
    /* SplitMix64: any seed will do, also 0. */
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mix = *state;
    mix = (mix ^ (mix >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mix = (mix ^ (mix >> 27)) * UINT64_C(0x94d049bb133111eb);
    mix ^= mix >> 31;
    return (double)(mix >> 11) * 0x1p-53;
}

static uint64_t rotate(uint64_t word, unsigned bits) {
    return (word << bits) | (word >> (64 - bits));
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t fu_hash(const struct fu_hash_key *key, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t v[4] = {key->low ^ UINT64_C(0x736f6d6570736575), key->high ^ UINT64_C(0x646f72616e646f6d),
                     key->low ^ UINT64_C(0x6c7967656e657261), key->high ^ UINT64_C(0x7465646279746573)};
    size_t whole = size & ~(size_t)7;
    uint64_t word;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, at + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (size > whole) {
        memcpy(&word, at + whole, size - whole);
    }
    word |= (uint64_t)size << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

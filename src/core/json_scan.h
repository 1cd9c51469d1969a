/* json_scan.h: finding the bytes that matter in a JSON text, many at a time.
 *
 * Owns: the scanning loops (SSE2, or eight bytes in a register) and the shape of UTF-8. Must not know: anything above
 * json. Inline, because strings are short: a call would cost as much as the scan. */
#ifndef FU_JSON_SCAN_H
#define FU_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The length of the well-formed UTF-8 sequence at `at`, whose first byte is not ASCII, looking at no byte from `end`
 * on. 0: malformed, a surrogate, overlong or cut off. */
size_t fu_json_sequence(const char *at, const char *end);

/* For what is rare, so that it does not cost those who never come there. */
#define FU_JSON_RARE __attribute__((noinline))

/* Moves over white space; a NUL ends it at the latest. */
static inline const char *fu_json_skip_space(const char *at) {
    /* One comparison for the usual case of none. */
    while ((unsigned char)*at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

/* Is this a byte that a string cannot hold as it is, or one that must be looked at: '"', '\\', a control character or
 * not ASCII? */
static inline bool fu_json_is_special(char byte) {
    unsigned char c = (unsigned char)byte;
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

#ifndef __SSE2__
#define FU_JSON_EACH UINT64_C(0x0101010101010101)

/* Not zero if one of the eight bytes equals `byte` (and maybe where one does not, but never zero where one does). */
static inline uint64_t fu_json_any(uint64_t word, unsigned char byte) {
    uint64_t diff = word ^ (FU_JSON_EACH * byte);
    return (diff - FU_JSON_EACH) & ~diff & (FU_JSON_EACH * 0x80);
}
#endif

#ifdef __SSE2__
/* A bit for each of the 16 bytes at `at`, set where it is special. */
static inline unsigned fu_json_specials(const char *at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes));
    /* The mask takes each byte's top bit, which is set in `bytes` itself where it is not ASCII. */
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(hit, bytes));
}
#else
static inline bool fu_json_has_special(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t control = (word - FU_JSON_EACH * 0x20) & ~word;
    uint64_t hit = fu_json_any(word, '"') | fu_json_any(word, '\\');
    return ((hit | control | word) & (FU_JSON_EACH * 0x80)) != 0;
}
#endif

/* Moves over bytes that are not special, as long as it can take many at a time; the byte that it stops at is special or
 * near `end`. Short enough to be inline. */
static inline const char *fu_json_skip_plain(const char *at, const char *end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        unsigned mask = fu_json_specials(at);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
    }
#else
    while (end - at >= 8 && !fu_json_has_special(at)) {
        at += 8;
    }
#endif
    return at;
}

/* The first special byte from `at` on, or `end`. */
static inline const char *fu_json_find_special(const char *at, const char *end) {
    at = fu_json_skip_plain(at, end);
    while (at < end && !fu_json_is_special(*at)) {
        at++;
    }
    return at;
}

/* The first quote or backslash from `at` on, or `end`. */
static inline const char *fu_json_find_quote(const char *at, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 16;
    }
#else
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        if ((fu_json_any(word, '"') | fu_json_any(word, '\\')) != 0) {
            break;
        }
        at += 8;
    }
#endif
    while (at < end && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

#endif

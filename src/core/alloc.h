/* alloc.h: the one door to the heap.
 *
 * Owns: which functions stand behind the names. Every allocation of the core goes through these, so that one place can
 * count them or make them fail. Must not know: anything above floor 1. */
#ifndef FU_ALLOC_H
#define FU_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Has fusioo_set_allocator put other functions in malloc's place? */
bool fu_heap_is_replaced(void);

/* Returns `size` bytes that are not initialised, or NULL. The caller frees them with fu_free. */
void *fu_malloc(size_t size);

/* Returns room for `count` things of `size` bytes, all zero, or NULL (also when the product overflows). The caller
 * frees it with fu_free. */
void *fu_calloc(size_t count, size_t size);

/* Resizes `old` (NULL: a new block) to `size` bytes. NULL: no memory, `old` is untouched and still the caller's. */
void *fu_realloc(void *old, size_t size);

/* Returns a copy of the NUL-terminated `text`, or NULL (no memory, or `text` is NULL). The caller frees it. */
char *fu_strdup(const char *text);

/* Frees what the functions above returned; NULL is fine. */
void fu_free(void *block);

/* Overwrites `size` bytes with zeros in a way that no optimiser removes: for tokens and secrets. */
void fu_wipe(void *bytes, size_t size);

/* Wipes the NUL-terminated `secret` and frees it; NULL is fine. */
void fu_free_secret(char *secret);

#endif

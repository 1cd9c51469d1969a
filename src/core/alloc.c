/* alloc.c: the one door to the heap (see alloc.h and fusioo.h). Owns: which functions stand behind it. Must not know:
 * anything above floor 1. */
#include "alloc.h"

#include "fusioo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const fusioo_allocator systems = {malloc, realloc, free};
static fusioo_allocator heap = {malloc, realloc, free};

void fusioo_set_allocator(const fusioo_allocator *allocator) {
    heap = allocator != NULL ? *allocator : systems;
}

bool fu_heap_is_replaced(void) {
    return heap.allocate != systems.allocate;
}

void *fu_malloc(size_t size) {
    return heap.allocate(size > 0 ? size : 1);
}

void *fu_calloc(size_t count, size_t size) {
    if (!fu_heap_is_replaced()) {
        return calloc(count > 0 ? count : 1, size > 0 ? size : 1); /* fresh pages of the system are zero already */
    }
    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *block = fu_malloc(count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

void *fu_realloc(void *old, size_t size) {
    return heap.resize(old, size > 0 ? size : 1);
}

char *fu_strdup(const char *text) {
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = fu_malloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void fu_free(void *block) {
    heap.release(block);
}

void fu_wipe(void *bytes, size_t size) {
    /* A volatile pointer: the stores are a visible effect, so they stay although the memory is freed next. */
    volatile unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        at[i] = 0;
    }
}

void fu_free_secret(char *secret) {
    if (secret != NULL) {
        fu_wipe(secret, strlen(secret));
        fu_free(secret);
    }
}

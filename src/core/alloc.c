/* alloc.c: the one door to the heap (see alloc.h). Owns: nothing. Must not know: anything above floor 1. */
#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *fu_malloc(size_t size) {
    return malloc(size > 0 ? size : 1);
}

void *fu_calloc(size_t count, size_t size) {
    return calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

void *fu_realloc(void *old, size_t size) {
    return realloc(old, size > 0 ? size : 1);
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
    free(block);
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

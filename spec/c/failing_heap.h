/* failing_heap.h: two heaps, one for the core and one for libcurl, that count their blocks and can be told to fail
 * once. Must not know: what is allocated for.
 *
 * libcurl is set up here, before the core does it, so that a failure is the core's or libcurl's and never either's. */
#ifndef FU_FAILING_HEAP_H
#define FU_FAILING_HEAP_H

#include "fusioo.h"

#include "test.h"

#include <curl/curl.h>

struct heap {
    long live;    /* blocks that were not given back */
    long asked;   /* allocations since heap_fail_at */
    long fail_at; /* number of the one that fails, from 1; 0: none */
    bool failed;  /* it did */
};

static struct heap core_heap, libcurl_heap;

/* From now on the allocation number `count` fails, and only that. */
static inline void heap_fail_at(struct heap *heap, long count) {
    heap->asked = 0;
    heap->fail_at = count;
    heap->failed = false;
}

static inline bool heap_refuses(struct heap *heap) {
    bool refuses = ++heap->asked == heap->fail_at;
    heap->failed = heap->failed || refuses;
    return refuses;
}

static inline void *heap_allocate(struct heap *heap, size_t size) {
    void *block = heap_refuses(heap) ? NULL : malloc(size);
    heap->live += block != NULL;
    return block;
}

static inline void *heap_resize(struct heap *heap, void *old, size_t size) {
    void *block = heap_refuses(heap) ? NULL : realloc(old, size);
    heap->live += block != NULL && old == NULL;
    return block;
}

static inline void heap_release(struct heap *heap, void *block) {
    heap->live -= block != NULL;
    free(block);
}

/* ---- The core's ---- */

/* What no block may hold that the core gives back; NULL: anything. `core_leaks` counts those that did. */
static const char *core_secret;
static int core_leaks;

/* Each block begins with its size. */
enum { CORE_HEAD = 16 };

static inline size_t core_size(const void *block) {
    size_t size;
    memcpy(&size, (const char *)block - CORE_HEAD, sizeof size);
    return size;
}

static inline void *core_allocate(size_t size) {
    assert_true(size > 0);
    char *block = heap_allocate(&core_heap, size + CORE_HEAD);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    memset(block + CORE_HEAD, 0, size); /* what libcurl has left there is not the core's doing */
    return block + CORE_HEAD;
}

static inline void core_release(void *block) {
    if (block == NULL) {
        return;
    }
    if (core_secret != NULL && memmem(block, core_size(block), core_secret, strlen(core_secret)) != NULL) {
        core_leaks++;
    }
    heap_release(&core_heap, (char *)block - CORE_HEAD);
}

/* Always another block, so that what the old one held is looked at. */
static inline void *core_resize(void *old, size_t size) {
    void *block = core_allocate(size);
    if (block != NULL && old != NULL) {
        memcpy(block, old, size < core_size(old) ? size : core_size(old));
        core_release(old);
    }
    return block;
}

/* ---- libcurl's ---- */

static inline void *libcurl_malloc(size_t size) {
    return heap_allocate(&libcurl_heap, size > 0 ? size : 1);
}

static inline void *libcurl_realloc(void *old, size_t size) {
    return heap_resize(&libcurl_heap, old, size > 0 ? size : 1);
}

static inline void libcurl_free(void *block) {
    heap_release(&libcurl_heap, block);
}

static inline char *libcurl_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = libcurl_malloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

static inline void *libcurl_calloc(size_t count, size_t size) {
    void *block = libcurl_malloc(count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

/* Puts both in place; before anything else of the library. */
static inline void heaps_open(void) {
    static const fusioo_allocator allocator = {core_allocate, core_resize, core_release};
    fusioo_set_allocator(&allocator);
    assert_int_equal(curl_global_init_mem(CURL_GLOBAL_DEFAULT, libcurl_malloc, libcurl_free, libcurl_realloc,
                                          libcurl_strdup, libcurl_calloc),
                     CURLE_OK);
}

/* The same for a group of tests. */
static inline int heaps_set_up(void **state) {
    (void)state;
    heaps_open();
    return 0;
}

#endif

/* buffer.h: growable bytes.
 *
 * Owns: the bytes it holds. Must not know: anything above floor 1.
 * A buffer that ran out of memory (or past SIZE_MAX) turns `failed` and swallows all later appends, so that a writer
 * checks once, at its end. The bytes are always followed by a NUL that `size` does not count. */
#ifndef FU_BUFFER_H
#define FU_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct fu_buffer {
    char *data;      /* NULL while nothing was appended */
    size_t size;     /* bytes held */
    size_t capacity; /* bytes allocated, the NUL's place included */
    bool failed;     /* an append did not fit into memory */
    bool secret;     /* old blocks are wiped before they are freed */
};

#define FU_BUFFER_EMPTY                                                                                                \
    { NULL, 0, 0, false, false }

/* Makes room for `more` further bytes (and the NUL). False: no memory, and `failed` is set. */
bool fu_buffer_reserve(struct fu_buffer *buffer, size_t more);

/* Appends `size` bytes. False: no memory, and `failed` is set. */
bool fu_buffer_append(struct fu_buffer *buffer, const void *bytes, size_t size);

/* Appends the NUL-terminated `text`. False: no memory, and `failed` is set. */
bool fu_buffer_puts(struct fu_buffer *buffer, const char *text);

/* Appends one byte. False: no memory, and `failed` is set. */
bool fu_buffer_putc(struct fu_buffer *buffer, char byte);

/* Appends the decimal digits of `number`. False: no memory, and `failed` is set. */
bool fu_buffer_put_integer(struct fu_buffer *buffer, long long number);

/* Forgets the bytes but keeps the memory; `failed` is cleared. */
void fu_buffer_clear(struct fu_buffer *buffer);

/* Frees the bytes (wiped first where `secret`) and leaves an empty buffer, which may be used again. */
void fu_buffer_free(struct fu_buffer *buffer);

#endif

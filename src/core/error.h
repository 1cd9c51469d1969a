/* error.h: filling in error values.
 *
 * Owns: the words of an error. Must not know: anything above floor 1. */
#ifndef FU_ERROR_H
#define FU_ERROR_H

#include "fusioo.h"

#include <stddef.h>

#if defined(__GNUC__)
#define FU_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FU_PRINTF(text, first)
#endif

/* Makes `error` (NULL: nothing happens) an error of `kind` with nothing else known. */
void fu_error_clear(fusioo_error *error, fusioo_kind kind);

/* The same, with a message. Returns false, so that a function can end with it. */
bool fu_error_set(fusioo_error *error, fusioo_kind kind, const char *format, ...) FU_PRINTF(3, 4);

/* Sets FUSIOO_MEMORY. Returns false. */
bool fu_error_memory(fusioo_error *error);

/* Copies `size` bytes to `target`, which has room for `room`, NUL included; cuts at a whole UTF-8 character and
 * replaces control characters by spaces, so that a line of a log stays one line. */
void fu_error_copy(char *target, size_t room, const char *text, size_t size);

#endif

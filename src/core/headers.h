/* headers.h: reading the header lines that matter here.
 *
 * Owns: the syntax of their values. Must not know: transfers, the Fusioo API. */
#ifndef FU_HEADERS_H
#define FU_HEADERS_H

#include "http.h"

#include <stddef.h>

/* Reads the value of a Retry-After header, `size` bytes: seconds, or a date, which `wall` (seconds since 1970) is taken
 * from. Negative: it is neither. */
double fu_retry_after_read(const char *value, size_t size, double wall);

/* Notes in `head` what the header line of `size` bytes says, status lines and the empty last line included. Lines that
 * do not matter, or make no sense, change nothing. */
void fu_head_read(struct fu_http_head *head, const char *line, size_t size);

#endif

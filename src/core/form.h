/* form.h: names and values as forms and queries write them (application/x-www-form-urlencoded).
 *
 * Owns: the encoding. Must not know: what the names mean. */
#ifndef FU_FORM_H
#define FU_FORM_H

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends `name=value`, after a '&' where something stands there; nothing where `value` is NULL. False: no memory. */
bool fu_form_put(struct fu_buffer *form, const char *name, const char *value);

/* How often `name` stands in the `size` bytes at `form`; `value` (the caller frees it with fu_free_secret) becomes the
 * first one's value, decoded, NULL: it is not there. Negative: no memory. */
int fu_form_find(const char *form, size_t size, const char *name, char **value);

#endif

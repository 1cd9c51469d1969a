/* form.c: names and values as forms and queries write them (see form.h).
 * Owns: the encoding. Must not know: what the names mean. */
#include "form.h"

#include "alloc.h"
#include "endpoint.h"

#include <string.h>

bool fu_form_put(struct fu_buffer *form, const char *name, const char *value) {
    if (value != NULL) {
        if (form->size > 0) {
            fu_buffer_putc(form, '&');
        }
        fu_percent_encode(form, name, strlen(name));
        fu_buffer_putc(form, '=');
        fu_percent_encode(form, value, strlen(value));
    }
    return !form->failed;
}

static int digit(char byte) {
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

/* Decodes in place; returns the new size. A '%' without two digits stays as it is. */
static size_t decode(char *text, size_t size) {
    size_t to = 0;
    for (size_t at = 0; at < size; at++) {
        char byte = text[at];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%' && at + 2 < size && digit(text[at + 1]) >= 0 && digit(text[at + 2]) >= 0) {
            byte = (char)(digit(text[at + 1]) * 16 + digit(text[at + 2]));
            at += 2;
        }
        text[to++] = byte;
    }
    text[to] = '\0';
    return to;
}

int fu_form_find(const char *form, size_t size, const char *name, char **value) {
    int count = 0;
    const char *end = form + size;
    *value = NULL;
    while (form < end) {
        const char *next = memchr(form, '&', (size_t)(end - form));
        next = next != NULL ? next : end;
        const char *equals = memchr(form, '=', (size_t)(next - form));
        const char *name_end = equals != NULL ? equals : next;
        const char *from = equals != NULL ? equals + 1 : next;
        if ((size_t)(name_end - form) == strlen(name) && memcmp(form, name, strlen(name)) == 0 && count++ == 0) {
            size_t length = (size_t)(next - from);
            char *text = fu_malloc(length + 1);
            if (text == NULL) {
                return -1;
            }
            memcpy(text, from, length);
            decode(text, length);
            *value = text;
        }
        form = next < end ? next + 1 : end;
    }
    return count;
}

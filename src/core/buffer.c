/* buffer.c: growable bytes (see buffer.h). Owns: the bytes. Must not know: anything above floor 1. */
#include "buffer.h"

#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Moves the bytes into a block of `capacity`; a secret's old block is wiped, which realloc would not do. */
static bool move_to(struct fu_buffer *buffer, size_t capacity) {
    char *data;
    if (buffer->secret && buffer->data != NULL) {
        data = fu_malloc(capacity);
        if (data != NULL) {
            memcpy(data, buffer->data, buffer->size + 1);
            fu_wipe(buffer->data, buffer->capacity);
            fu_free(buffer->data);
        }
    } else {
        data = fu_realloc(buffer->data, capacity);
    }
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->data[buffer->size] = '\0';
    return true;
}

bool fu_buffer_reserve(struct fu_buffer *buffer, size_t more) {
    if (buffer->failed) {
        return false;
    }
    if (more >= SIZE_MAX / 2 - buffer->size) {
        buffer->failed = true;
        return false;
    }
    size_t wanted = buffer->size + more + 1;
    if (wanted <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    return move_to(buffer, capacity > wanted ? capacity : wanted);
}

bool fu_buffer_append(struct fu_buffer *buffer, const void *bytes, size_t size) {
    if (!fu_buffer_reserve(buffer, size)) {
        return false;
    }
    if (size > 0) {
        memcpy(buffer->data + buffer->size, bytes, size);
    }
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

bool fu_buffer_puts(struct fu_buffer *buffer, const char *text) {
    return fu_buffer_append(buffer, text, strlen(text));
}

bool fu_buffer_putc(struct fu_buffer *buffer, char byte) {
    return fu_buffer_append(buffer, &byte, 1);
}

bool fu_buffer_put_integer(struct fu_buffer *buffer, long long number) {
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%lld", number);
    return fu_buffer_append(buffer, digits, (size_t)size);
}

void fu_buffer_clear(struct fu_buffer *buffer) {
    if (buffer->data != NULL) {
        if (buffer->secret) {
            fu_wipe(buffer->data, buffer->capacity);
        }
        buffer->data[0] = '\0';
    }
    buffer->size = 0;
    buffer->failed = false;
}

void fu_buffer_free(struct fu_buffer *buffer) {
    if (buffer->data != NULL && buffer->secret) {
        fu_wipe(buffer->data, buffer->capacity);
    }
    fu_free(buffer->data);
    buffer->data = NULL;
    buffer->size = 0;
    buffer->capacity = 0;
    buffer->failed = false;
}

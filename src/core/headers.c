/* headers.c: reading the header lines that matter here (see headers.h).
 * Owns: the syntax of their values. Must not know: transfers, the Fusioo API. */
#include "headers.h"

#include "buffer.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <time.h>

double fu_retry_after_read(const char *value, size_t size, double wall) {
    char text[64];
    while (size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && strchr(" \t\r\n", value[size - 1]) != NULL) {
        size--;
    }
    if (size == 0 || size >= sizeof text || memchr(value, '\0', size) != NULL) {
        return -1;
    }
    memcpy(text, value, size);
    text[size] = '\0';
    if (strspn(text, "0123456789") == size) {
        double seconds = 0;
        for (size_t i = 0; i < size && seconds < 1e9; i++) {
            seconds = seconds * 10 + (text[i] - '0');
        }
        return seconds;
    }
    if (text[0] == '-' || text[0] == '+' || strspn(text, "0123456789.eE") == size) {
        return -1;
    }
    time_t date = curl_getdate(text, NULL);
    if (date == (time_t)-1) {
        return -1;
    }
    double wait = (double)date - wall;
    return wait > 0 ? wait : 0;
}

/* The value of the header `name` (lower case, with its colon) if `line` is one. NULL: it is another one. */
static const char *value_of(const char *line, size_t *size, const char *name) {
    size_t skip = strlen(name);
    if (*size <= skip || strncasecmp(line, name, skip) != 0) {
        return NULL;
    }
    const char *value = line + skip;
    *size -= skip;
    while (*size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        --*size;
    }
    while (*size > 0 && strchr(" \t\r\n", value[*size - 1]) != NULL) {
        --*size;
    }
    return value;
}

/* A validator goes back to the service in a header of the next request: a lone CR could make two of one there. */
static void keep_value(char *target, size_t room, const char *value, size_t size) {
    bool fits = size < room;
    for (size_t i = 0; i < size; i++) {
        fits = fits && (unsigned char)value[i] >= ' ' && value[i] != 0x7f;
    }
    memcpy(target, value, fits ? size : 0);
    target[fits ? size : 0] = '\0';
}

/* Reads digits; negative: there are none, or too many. */
static int64_t read_digits(const char **at, const char *end) {
    int64_t number = *at < end && **at >= '0' && **at <= '9' ? 0 : -1;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (number > INT64_MAX / 10 - 10) {
            return -1;
        }
        number = number * 10 + (**at - '0');
    }
    return number;
}

/* "bytes 5-9/10", and "bytes *" "/10" of an answer that has no such part. */
static void read_range(struct fu_http_head *head, const char *value, size_t size) {
    const char *end = value + size;
    if (size < 6 || strncasecmp(value, "bytes ", 6) != 0) {
        return;
    }
    value += 6;
    head->range_start = read_digits(&value, end);
    const char *slash = memchr(value, '/', (size_t)(end - value));
    if (slash != NULL) {
        value = slash + 1;
        head->range_total = read_digits(&value, end);
    }
}

/* An answer's validator is strong if it changes whenever the bytes do: an ETag without W/, or a Last-Modified that is
 * older than the answer (RFC 9110, 8.8). */
static void choose_validator(struct fu_http_head *head) {
    time_t modified = head->modified[0] != '\0' ? curl_getdate(head->modified, NULL) : -1;
    time_t date = head->date[0] != '\0' ? curl_getdate(head->date, NULL) : -1;
    if (head->validator[0] == '\0' && modified != -1 && date != -1 && date > modified) {
        memcpy(head->validator, head->modified, sizeof head->modified);
    }
}

void fu_head_read(struct fu_http_head *head, const char *line, size_t size) {
    const char *value;
    size_t left = size;
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        struct fu_buffer location = head->location;
        fu_buffer_clear(&location);
        const char *space = memchr(line, ' ', size);
        *head = (struct fu_http_head){
            .length = -1,
            .range_start = -1,
            .range_total = -1,
            .framed = size >= 8 && memcmp(line, "HTTP/1", 6) != 0, /* HTTP/2 and later say where a body ends */
            .location = location,
        };
        const char *status = space != NULL ? space + 1 : line + size;
        head->status = (int)read_digits(&status, line + size);
    } else if ((value = value_of(line, &left, "content-length:")) != NULL) {
        head->length = read_digits(&value, value + left);
        head->framed = head->framed || head->length >= 0;
    } else if ((value = value_of(line, &left, "transfer-encoding:")) != NULL) {
        /* Any other last coding ends where the connection does. */
        head->framed = head->framed || (left >= 7 && strncasecmp(value + left - 7, "chunked", 7) == 0);
    } else if ((value = value_of(line, &left, "content-range:")) != NULL) {
        read_range(head, value, left);
    } else if ((value = value_of(line, &left, "content-type:")) != NULL) {
        head->is_json = left >= 16 && strncasecmp(value, "application/json", 16) == 0;
    } else if (value_of(line, &left, "content-disposition:") != NULL) {
        head->is_named = true;
    } else if ((value = value_of(line, &left, "etag:")) != NULL) {
        if (left > 1 && value[0] == '"' && value[left - 1] == '"') {
            keep_value(head->validator, sizeof head->validator, value, left);
        }
    } else if ((value = value_of(line, &left, "last-modified:")) != NULL) {
        keep_value(head->modified, sizeof head->modified, value, left);
    } else if ((value = value_of(line, &left, "date:")) != NULL) {
        keep_value(head->date, sizeof head->date, value, left);
    } else if (size <= 2) {
        choose_validator(head);
    }
}

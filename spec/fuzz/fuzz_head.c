/* fuzz_head.c: the header lines of a file's answer. Owns: nothing. Must not know: transfers.
 *
 * Input: lines. Each becomes a header line, with its line end; an empty one ends an answer's head.
 * Promises: whatever the lines say, sizes are numbers from 0 on or -1; a validator is a strong ETag as it stood, or a
 * date older than the answer; a Content-Range and a Content-Length in their usual form are read as they stand; a body's
 * end counts as marked only where a line, or the protocol, marks it; a status line forgets what came before; the
 * redirect's address is nobody's but libcurl's; a line needs no NUL behind it. */
#include "fuzz.h"
#include "headers.h"
#include "http.h"

#include <strings.h>

/* `dated`: the date that stood there when the head ended. */
static void check_head(const struct fu_http_head *head, const char *dated) {
    FUZZ_CHECK(head->length >= -1 && head->range_start >= -1 && head->range_total >= -1);
    FUZZ_CHECK(memchr(head->validator, '\0', sizeof head->validator) != NULL);
    FUZZ_CHECK(memchr(head->modified, '\0', sizeof head->modified) != NULL);
    FUZZ_CHECK(memchr(head->date, '\0', sizeof head->date) != NULL);
    size_t size = strlen(head->validator);
    bool is_date = size > 0 && strcmp(head->validator, dated) == 0;
    FUZZ_CHECK(size == 0 || is_date || (size > 1 && head->validator[0] == '"' && head->validator[size - 1] == '"'));
    for (size_t i = 0; i < size; i++) {
        FUZZ_CHECK((unsigned char)head->validator[i] >= ' ' && head->validator[i] != 0x7f); /* it is sent back */
    }
}

/* A size that a file may have. */
static bool is_usual(long long size) {
    return size >= 0 && size < 1000000000000000;
}

/* Lines that are just as somebody would write them: what they say is what was read. */
static void check_plain_forms(const struct fu_http_head *head, const char *line) {
    static const char range[] = "Content-Range: bytes ";
    static const char length[] = "Content-Length: ";
    char again[120] = "";
    size_t size = strlen(line);
    if (size < 80 && strncmp(line, range, sizeof range - 1) == 0) {
        char *at;
        long long first = strtoll(line + sizeof range - 1, &at, 10);
        long long last = *at == '-' ? strtoll(at + 1, &at, 10) : 0;
        long long total = *at == '/' ? strtoll(at + 1, &at, 10) : 0;
        snprintf(again, sizeof again, "%s%lld-%lld/%lld", range, first, last, total);
        FUZZ_CHECK(strcmp(again, line) != 0 || !is_usual(first) || !is_usual(total) ||
                   (head->range_start == first && head->range_total == total));
    } else if (size < 80 && strncmp(line, length, sizeof length - 1) == 0) {
        long long total = strtoll(line + sizeof length - 1, NULL, 10);
        snprintf(again, sizeof again, "%s%lld", length, total);
        FUZZ_CHECK(strcmp(again, line) != 0 || !is_usual(total) || (head->length == total && head->framed));
    } else if (size > 7 && size < 200 && strncmp(line, "ETag: \"", 7) == 0 && line[size - 1] == '"' &&
               strspn(line + 7, "abcdef-\"") == size - 7) {
        FUZZ_CHECK(strcmp(head->validator, line + 6) == 0);
    }
}

static void check_status_line(const struct fu_http_head *head) {
    FUZZ_CHECK(head->length == -1 && head->range_start == -1 && head->range_total == -1);
    FUZZ_CHECK(head->validator[0] == '\0' && head->modified[0] == '\0' && head->date[0] == '\0');
}

static bool may_mark(const char *line) {
    return strncmp(line, "HTTP/", 5) == 0 || strncasecmp(line, "content-length:", 15) == 0 ||
           strncasecmp(line, "transfer-encoding:", 18) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    struct fu_http_head head = {.length = -1, .range_start = -1, .range_total = -1};
    fu_buffer_puts(&head.location, "where libcurl put it");
    const char *location = head.location.data;
    char dated[sizeof head.modified] = "";
    while (fuzz_left(&input) > 0) {
        size_t length;
        char *line = fuzz_line(&input, &length);
        char *exact = malloc(length + 2); /* no NUL */
        FUZZ_CHECK(exact != NULL);
        for (size_t i = 0; i < length; i++) {
            exact[i] = line[i];
        }
        exact[length] = '\r';
        exact[length + 1] = '\n';
        bool was_framed = head.framed;
        bool chooses = length == 0 && head.validator[0] == '\0';
        fu_head_read(&head, exact, length + 2);
        if (chooses) {
            snprintf(dated, sizeof dated, "%s", head.modified);
        }
        check_head(&head, dated);
        FUZZ_CHECK(head.location.data == location);
        FUZZ_CHECK(head.framed == was_framed || may_mark(line));
        if (strncmp(line, "HTTP/", 5) == 0) {
            check_status_line(&head);
        } else if (strlen(line) == length) {
            check_plain_forms(&head, line);
        }
        free(exact);
        free(line);
    }
    fu_buffer_free(&head.location);
    return 0;
}

/* fuzz_address.c: any text as the service's base address. Owns: nothing. Must not know: paths of the API.
 *
 * Promises: what is accepted can have a path put behind it: scheme, host, port and prefix, nothing that would end the
 * path or show a password; http:// only to this machine; it is accepted again, and stays the same. */
#include "address.h"
#include "alloc.h"
#include "fuzz.h"

#include <strings.h>

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_this_machine(const char *host) {
    size_t size = strcspn(host, *host == '[' ? "]" : ":/");
    return starts_with(host, "127.") || (size == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           starts_with(host, "[::1]");
}

static void check_base(const char *base, bool plain) {
    FUZZ_CHECK(starts_with(base, plain ? "http://" : "https://"));
    const char *host = strchr(base, ':') + 3;
    FUZZ_CHECK(*host != '\0' && *host != '/' && *host != ':');
    FUZZ_CHECK(host[strlen(host) - 1] != '/');
    FUZZ_CHECK(!plain || is_this_machine(host));
    FUZZ_CHECK(memchr(host, '@', strcspn(host, "/")) == NULL);
    for (const char *at = base; *at != '\0'; at++) {
        FUZZ_CHECK((unsigned char)*at > ' ' && *at != 0x7f && *at != '?' && *at != '#');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    char *base = NULL;
    bool plain = false;
    fusioo_error error = {.kind = FUSIOO_OK};
    if (fu_address_read("base_url", FU_ADDRESS_BASE, text, &base, &plain, &error)) {
        char *again = NULL;
        bool still_plain = !plain;
        check_base(base, plain);
        FUZZ_CHECK(fu_address_read("base_url", FU_ADDRESS_BASE, base, &again, &still_plain, &error));
        FUZZ_CHECK(strcmp(base, again) == 0 && plain == still_plain);
        fu_free(again);
        fu_free(base);
    } else {
        FUZZ_CHECK(base == NULL && error.kind == FUSIOO_INVALID && error.message[0] != '\0');
    }
    free(text);
    return 0;
}

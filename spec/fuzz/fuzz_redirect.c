/* fuzz_redirect.c: where a redirect may lead, and whether the token may come along. Owns: nothing. Must not know:
 * transfers.
 *
 * Input: two lines, the service's address and the redirect's.
 * Promises: only https:// is followed, and http:// to this machine; to be of one origin is mutual, and every address
 * that can be read is of its own; what is followed, or gets the token, has the scheme, host and port that a transfer
 * will read in it, which allows more than the check does, and those that a reader of this file's own finds there. */
#include "address.h"
#include "fuzz.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <strings.h>

/* What of an address decides who gets a request. */
struct target {
    char *scheme, *host, *port, *zone;
};

/* Reads it as libcurl does, for a check (`flags` 0) or a transfer. False: it cannot be read. */
static bool read_target(const char *address, unsigned flags, struct target *target) {
    CURLU *url = curl_url();
    memset(target, 0, sizeof *target);
    bool good = curl_url_set(url, CURLUPART_URL, address, flags) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &target->scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &target->host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &target->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_get(url, CURLUPART_ZONEID, &target->zone, 0);
    curl_url_cleanup(url);
    return good;
}

/* The flags of libcurl's own transfers (parseurlandfillconn), with CURLOPT_PATH_AS_IS. */
static bool read_as_transfer(const char *address, struct target *target) {
    return read_target(address, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS, target);
}

static void free_target(struct target *target) {
    curl_free(target->scheme);
    curl_free(target->host);
    curl_free(target->port);
    curl_free(target->zone);
}

static bool is_same(const struct target *one, const struct target *other) {
    bool same_zone =
        one->zone == NULL || other->zone == NULL ? one->zone == other->zone : strcmp(one->zone, other->zone) == 0;
    return strcasecmp(one->scheme, other->scheme) == 0 && strcasecmp(one->host, other->host) == 0 &&
           strcmp(one->port, other->port) == 0 && same_zone;
}

/* The host by this file's own reading: scheme, "://" (libcurl takes one to three slashes), user up to the last '@',
 * host up to a port, escapes undone. False: there is none. */
static bool read_host(const char *address, char *host, size_t room) {
    const char *at = strchr(address, ':');
    if (at == NULL) {
        return false;
    }
    size_t slashes = strspn(at + 1, "/");
    at += 1 + (slashes < 3 ? slashes : 3);
    size_t size = strcspn(at, "/?#");
    for (size_t i = size; i > 0; i--) {
        if (at[i - 1] == '@') {
            at += i;
            size -= i;
            break;
        }
    }
    size_t end = *at == '[' ? strcspn(at, "]%") : strcspn(at, ":");
    size = end < size ? end : size;
    size_t count = 0;
    for (size_t i = 0; i < size && count + 2 < room; i++) {
        host[count] = at[i];
        if (at[i] == '%' && size - i > 2 && strspn(at + i + 1, "0123456789abcdefABCDEF") >= 2) {
            char digits[3] = {at[i + 1], at[i + 2], '\0'};
            host[count] = (char)strtol(digits, NULL, 16);
            i += 2;
        }
        count++;
    }
    if (*at == '[') {
        host[count++] = ']';
    }
    host[count] = '\0';
    return count > 0;
}

/* libcurl writes an IPv4 address in its usual form, and an IPv6 address in its shortest. */
static bool is_same_host(const char *own, const char *libcurls) {
    struct in_addr four[2];
    struct in6_addr six[2];
    char bare[2][256];
    if (strcasecmp(own, libcurls) == 0) {
        return true;
    }
    if (own[0] == '[' && libcurls[0] == '[') {
        snprintf(bare[0], sizeof bare[0], "%.*s", (int)strcspn(own + 1, "]"), own + 1);
        snprintf(bare[1], sizeof bare[1], "%.*s", (int)strcspn(libcurls + 1, "]"), libcurls + 1);
        return inet_pton(AF_INET6, bare[0], &six[0]) == 1 && inet_pton(AF_INET6, bare[1], &six[1]) == 1 &&
               memcmp(&six[0], &six[1], sizeof six[0]) == 0;
    }
    return inet_aton(own, &four[0]) != 0 && inet_aton(libcurls, &four[1]) != 0 && four[0].s_addr == four[1].s_addr;
}

static bool is_this_machine(const char *host) {
    struct in_addr address;
    return strcasecmp(host, "localhost") == 0 || is_same_host(host, "[::1]") ||
           (inet_aton(host, &address) != 0 && ntohl(address.s_addr) >> 24 == 127);
}

static void check_followed(const char *address) {
    struct target check;
    struct target transfer;
    char host[512];
    FUZZ_CHECK(read_target(address, 0, &check) && read_as_transfer(address, &transfer));
    FUZZ_CHECK(is_same(&check, &transfer));
    FUZZ_CHECK(read_host(address, host, sizeof host) && is_same_host(host, transfer.host));
    FUZZ_CHECK(strcmp(check.scheme, "https") == 0 || (strcmp(check.scheme, "http") == 0 && is_this_machine(host)));
    free_target(&check);
    free_target(&transfer);
}

static void check_origin(const char *base, const char *address) {
    struct target one;
    struct target other;
    bool same = fu_address_same_origin(base, address);
    FUZZ_CHECK(same == fu_address_same_origin(address, base));
    if (same) {
        FUZZ_CHECK(read_as_transfer(base, &one) && read_as_transfer(address, &other));
        FUZZ_CHECK(is_same(&one, &other));
        free_target(&one);
        free_target(&other);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    struct target target;
    size_t length;
    char *base = fuzz_line(&input, &length);
    char *address = fuzz_line(&input, &length);
    if (strlen(address) < 500 && fu_address_may_follow(address)) {
        check_followed(address);
    }
    check_origin(base, address);
    bool readable = read_target(address, 0, &target);
    FUZZ_CHECK(fu_address_same_origin(address, address) == readable);
    free_target(&target);
    free(base);
    free(address);
    return 0;
}

/* address.c: the service's addresses (see address.h).
 * Owns: what makes one acceptable. Must not know: paths of the API, transfers. */
#include "address.h"

#include "alloc.h"
#include "buffer.h"
#include "error.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

static bool is_loopback(const char *host) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1) {
        return (ntohl(address.s_addr) >> 24) == 127;
    }
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* A part of an address; NULL: it has none, or there was no memory, and `*starved` says so: a port that is missing for
 * that reason must not become the scheme's. */
static char *part_of(CURLU *url, CURLUPart part, bool *starved) {
    char *text = NULL;
    *starved = curl_url_get(url, part, &text, 0) == CURLUE_OUT_OF_MEMORY || *starved;
    return text;
}

static bool has_part(CURLU *url, CURLUPart part, bool *starved) {
    char *text = part_of(url, part, starved);
    curl_free(text);
    return text != NULL;
}

/* libcurl decodes escapes in a host, so one that still holds a '%' would be another host when it is read again. In
 * brackets, '%' begins the zone of an IPv6 address. */
static bool is_host(const char *host) {
    return host[0] == '[' || strchr(host, '%') == NULL;
}

/* Does the path end in a version, as in a base address copied from an example request? */
static bool ends_in_version(const char *path, size_t size) {
    return size >= 3 && path[size - 3] == '/' && path[size - 2] == 'v' && path[size - 1] >= '1' &&
           path[size - 1] <= '9';
}

static bool read_parts(CURLU *url, const char *name, enum fu_address kind, const char *text, char **address,
                       bool *plain, fusioo_error *error) {
    bool good = false;
    bool starved = false;
    char *scheme = part_of(url, CURLUPART_SCHEME, &starved);
    char *host = part_of(url, CURLUPART_HOST, &starved);
    char *port = part_of(url, CURLUPART_PORT, &starved);
    char *path = part_of(url, CURLUPART_PATH, &starved);
    size_t size = path != NULL ? strlen(path) : 0;
    while (kind == FU_ADDRESS_BASE && size > 0 && path[size - 1] == '/') {
        size--;
    }
    if (starved) {
        fu_error_memory(error);
    } else if (scheme == NULL || host == NULL || !is_host(host)) {
        fu_error_set(error, FUSIOO_INVALID, "%s is no address: '%.100s'", name, text);
    } else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) {
        fu_error_set(error, FUSIOO_INVALID, "%s begins with https://, not %.20s://", name, scheme);
    } else if (strcmp(scheme, "http") == 0 && !is_loopback(host)) {
        fu_error_set(error, FUSIOO_INVALID,
                     "%s is http:// to %.100s, which would show the token to everyone on the way: use https:// "
                     "(http:// is for loopback hosts alone)",
                     name, host);
    } else if (kind == FU_ADDRESS_BASE && ends_in_version(path, size)) {
        fu_error_set(error, FUSIOO_INVALID, "%s stands without the version; that is the option version", name);
    } else {
        struct fu_buffer whole = FU_BUFFER_EMPTY;
        fu_buffer_puts(&whole, scheme);
        fu_buffer_puts(&whole, "://");
        fu_buffer_puts(&whole, host);
        if (port != NULL) {
            fu_buffer_putc(&whole, ':');
            fu_buffer_puts(&whole, port);
        }
        fu_buffer_append(&whole, path, size);
        *plain = strcmp(scheme, "http") == 0;
        *address = whole.data;
        good = !whole.failed || fu_error_memory(error);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return good;
}

bool fu_address_read(const char *name, enum fu_address kind, const char *text, char **address, bool *plain,
                     fusioo_error *error) {
    CURLU *url = curl_url();
    bool good = false;
    bool starved = false;
    *address = NULL;
    if (url == NULL) {
        return fu_error_memory(error);
    }
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);
    bool has_user = has_part(url, CURLUPART_USER, &starved) || has_part(url, CURLUPART_PASSWORD, &starved);
    bool has_end = has_part(url, CURLUPART_QUERY, &starved) || has_part(url, CURLUPART_FRAGMENT, &starved);
    if (code == CURLUE_OUT_OF_MEMORY || starved) {
        fu_error_memory(error);
    } else if (code != CURLUE_OK) {
        /* What stands before an '@' could be a password. */
        fu_error_set(error, FUSIOO_INVALID, "%s is no address like https://api.fusioo.com: '%.100s'", name,
                     strchr(text, '@') == NULL ? text : "...");
    } else if (has_user) {
        fu_error_set(error, FUSIOO_INVALID, "%s holds a user or password; the API takes a token alone", name);
    } else if (has_end) {
        fu_error_set(error, FUSIOO_INVALID, "%s ends before '?' and '#'", name);
    } else {
        good = read_parts(url, name, kind, text, address, plain, error);
    }
    curl_url_cleanup(url);
    if (!good) {
        fu_free(*address);
        *address = NULL;
    }
    return good;
}

/* ---- Redirects ----
 *
 * Where memory runs out both say no: what is not known to be harmless is not done. */

static bool same_part(CURLU *one, CURLU *other, CURLUPart part) {
    char *left = NULL;
    char *right = NULL;
    bool same = curl_url_get(one, part, &left, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(other, part, &right, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(left, right) == 0;
    curl_free(left);
    curl_free(right);
    return same;
}

/* The interface that a link-local address goes out by: one address can be another host behind each. */
static bool same_zone(CURLU *one, CURLU *other) {
    char *left = NULL;
    char *right = NULL;
    CURLUcode left_code = curl_url_get(one, CURLUPART_ZONEID, &left, 0);
    CURLUcode right_code = curl_url_get(other, CURLUPART_ZONEID, &right, 0);
    bool none = left_code == CURLUE_NO_ZONEID && right_code == CURLUE_NO_ZONEID;
    bool same = none || (left != NULL && right != NULL && strcmp(left, right) == 0);
    curl_free(left);
    curl_free(right);
    return same;
}

bool fu_address_same_origin(const char *one, const char *other) {
    CURLU *left = curl_url();
    CURLU *right = curl_url();
    bool same = left != NULL && right != NULL && curl_url_set(left, CURLUPART_URL, one, 0) == CURLUE_OK &&
                curl_url_set(right, CURLUPART_URL, other, 0) == CURLUE_OK && same_part(left, right, CURLUPART_SCHEME) &&
                same_part(left, right, CURLUPART_HOST) && same_part(left, right, CURLUPART_PORT) &&
                same_zone(left, right);
    curl_url_cleanup(left);
    curl_url_cleanup(right);
    return same;
}

bool fu_address_may_follow(const char *address) {
    CURLU *url = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    bool good = url != NULL && curl_url_set(url, CURLUPART_URL, address, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_host(host) &&
                (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_loopback(host)));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(url);
    return good;
}

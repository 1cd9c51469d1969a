/* redirect.c: the way to the authorize page and back (see redirect.h).
 * Owns: what may come back. Must not know: token requests, stores. */
#include "redirect.h"

#include "alloc.h"
#include "error.h"
#include "form.h"
#include "random.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

void fu_redirect_free(struct fu_redirect *redirect) {
    fu_free_secret(redirect->code);
    redirect->code = NULL;
    fu_token_free(&redirect->token);
}

bool fu_state_make(char state[FUSIOO_STATE_SIZE], fusioo_error *error) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[(FUSIOO_STATE_SIZE - 1) / 2];
    if (!fu_random_bytes(bytes, sizeof bytes)) {
        return fu_error_set(error, FUSIOO_NETWORK, "the system gave no random bytes");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        state[2 * i] = digits[bytes[i] >> 4];
        state[2 * i + 1] = digits[bytes[i] & 15];
    }
    state[FUSIOO_STATE_SIZE - 1] = '\0';
    return true;
}

/* ---- Addresses ---- */

/* Any scheme will do: programs on a telephone or a desktop have their own. */
static CURLU *parse(const char *text, size_t size, bool *starved) {
    CURLU *url = curl_url();
    char *copy = fu_malloc(size + 1);
    bool good = url != NULL && copy != NULL;
    *starved = !good;
    if (good) {
        memcpy(copy, text, size);
        copy[size] = '\0';
        CURLUcode code = curl_url_set(url, CURLUPART_URL, copy, CURLU_NON_SUPPORT_SCHEME);
        good = code == CURLUE_OK;
        *starved = code == CURLUE_OUT_OF_MEMORY;
    }
    fu_free(copy);
    if (!good) {
        curl_url_cleanup(url);
        return NULL;
    }
    return url;
}

bool fu_redirect_check(const char *uri, fusioo_error *error) {
    bool starved = false;
    for (const char *at = uri; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f || *at == '#') {
            return fu_error_set(error, FUSIOO_INVALID, "redirect_uri holds a space, a control character or a '#'");
        }
    }
    CURLU *url = strstr(uri, "://") != NULL ? parse(uri, strlen(uri), &starved) : NULL;
    if (url == NULL) {
        return starved ? fu_error_memory(error)
                       : fu_error_set(error, FUSIOO_INVALID,
                                      "redirect_uri is no whole address like http://127.0.0.1:8080/callback: '%.100s'",
                                      uri);
    }
    curl_url_cleanup(url);
    return true;
}

/* A part as it is compared; schemes and hosts have no case. */
static char *part_of(CURLU *url, CURLUPart part, bool *starved) {
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0);
    *starved = *starved || code == CURLUE_OUT_OF_MEMORY;
    return text;
}

static bool same_part(CURLU *one, CURLU *other, CURLUPart part, bool *starved) {
    char *left = part_of(one, part, starved);
    char *right = part_of(other, part, starved);
    bool has_case = part == CURLUPART_PATH || part == CURLUPART_USER || part == CURLUPART_PASSWORD;
    bool same =
        (left == NULL && right == NULL) ||
        (left != NULL && right != NULL && (strcmp(left, right) == 0 || (!has_case && curl_strequal(left, right) != 0)));
    curl_free(left);
    curl_free(right);
    return same;
}

/* Is `url` the address `uri` up to its query? */
static bool is_same_place(const char *url, const char *uri, fusioo_error *error) {
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT,
                                      CURLUPART_PATH,   CURLUPART_USER, CURLUPART_PASSWORD};
    bool starved = false;
    bool same = true;
    bool starved_too = false;
    CURLU *one = parse(url, strcspn(url, "?#"), &starved);
    CURLU *other = parse(uri, strcspn(uri, "?#"), &starved_too);
    starved = starved || starved_too;
    if (one == NULL || other == NULL) {
        same = false;
    }
    for (size_t i = 0; same && i < sizeof parts / sizeof parts[0]; i++) {
        same = same_part(one, other, parts[i], &starved);
    }
    curl_url_cleanup(one);
    curl_url_cleanup(other);
    if (starved) {
        return fu_error_memory(error);
    }
    return same || fu_error_set(error, FUSIOO_INVALID,
                                "the redirected address is not the redirect_uri '%.150s': give the whole address to "
                                "which the browser was led",
                                uri);
}

/* Does it lead to 127.0.0.1, where a listener on this machine waits? [::1] is another address. */
static bool leads_here(CURLU *url, bool *starved) {
    char *scheme = part_of(url, CURLUPART_SCHEME, starved);
    char *host = part_of(url, CURLUPART_HOST, starved);
    bool here = scheme != NULL && host != NULL && curl_strequal(scheme, "http") != 0 &&
                (strcmp(host, "127.0.0.1") == 0 || curl_strequal(host, "localhost") != 0);
    curl_free(scheme);
    curl_free(host);
    return here;
}

bool fu_redirect_target(const char *uri, char **target, int *port, fusioo_error *error) {
    bool starved = false;
    *port = 0;
    const char *host = strstr(uri, "://");
    size_t head = host != NULL ? (size_t)(host + 3 - uri) : 0;
    head += strcspn(uri + head, "/?#");
    size_t size = strcspn(uri + head, "?#");
    *target = fu_strdup(size > 0 ? uri + head : "/");
    if (*target == NULL) {
        return fu_error_memory(error);
    }
    if (size > 0) {
        (*target)[size] = '\0';
    }
    CURLU *url = parse(uri, head, &starved);
    char *text = url != NULL && leads_here(url, &starved) ? part_of(url, CURLUPART_PORT, &starved) : NULL;
    if (text != NULL) {
        *port = (int)strtol(text, NULL, 10);
    }
    curl_free(text);
    curl_url_cleanup(url);
    if (starved) {
        fu_free(*target);
        *target = NULL;
        return fu_error_memory(error);
    }
    return true;
}

/* ---- What comes back ---- */

/* What the page said, where it may stand: in the query, and in the fragment, which the implicit grant uses. */
struct answer {
    const char *text[2];
    size_t size[2];
    bool starved, twice;
};

static void split(const char *url, struct answer *answer) {
    const char *hash = strchr(url, '#');
    const char *end = hash != NULL ? hash : url + strlen(url);
    const char *question = memchr(url, '?', (size_t)(end - url));
    answer->text[0] = question != NULL ? question + 1 : end;
    answer->size[0] = (size_t)(end - answer->text[0]);
    answer->text[1] = hash != NULL ? hash + 1 : end;
    answer->size[1] = strlen(answer->text[1]);
}

/* The value of `name`, from the fragment where that has one and `fragment` allows it. The caller frees it. */
static char *find(struct answer *answer, const char *name, bool fragment) {
    char *value = NULL;
    for (int i = fragment ? 1 : 0; i >= 0 && value == NULL; i--) {
        int count = fu_form_find(answer->text[i], answer->size[i], name, &value);
        answer->starved = answer->starved || count < 0;
        answer->twice = answer->twice || count > 1;
    }
    return value;
}

/* How long it takes says nothing of where they differ. */
static bool is_same_secret(const char *one, const char *other) {
    size_t size = strlen(one);
    volatile unsigned char difference = 0;
    if (strlen(other) != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        difference = (unsigned char)(difference | (unsigned char)(one[i] ^ other[i]));
    }
    return difference == 0;
}

/* A code of RFC 6749, or of the kind of those; nothing else is repeated in its place. */
static bool is_plain_code(const char *code) {
    size_t size = strlen(code);
    return size <= 40 && strspn(code, "abcdefghijklmnopqrstuvwxyz_") == size;
}

/* The page said no. A state that it does not repeat is none that is wrong: Fusioo's does not. But then anybody may have
 * made the redirect, so that their words are not repeated. The description is at the end, where one that was cut off is
 * known to be: a page may repeat secrets. */
static bool fail_refused(struct answer *answer, const char *code, bool proven, bool implicit, fusioo_error *error) {
    char *description = proven ? find(answer, "error_description", implicit) : NULL;
    bool denied = strcmp(code, "access_denied") == 0;
    if (answer->starved) {
        fu_error_memory(error);
    } else {
        fu_error_set(error, FUSIOO_AUTH, "the authorize page says %s%s%s%.200s", is_plain_code(code) ? code : "no",
                     denied ? "; who signs in has to allow the access" : "", description != NULL ? ": " : "",
                     description != NULL ? description : "");
    }
    fu_free_secret(description);
    return false;
}

static bool read_code(struct fu_redirect *redirect, struct answer *answer, fusioo_error *error) {
    redirect->code = find(answer, "code", false);
    if (answer->starved) {
        return fu_error_memory(error);
    }
    if (answer->twice || redirect->code == NULL || redirect->code[0] == '\0') {
        return fu_error_set(error, FUSIOO_INVALID,
                            answer->twice ? "the redirected address says something twice"
                                          : "the redirected address brings no code: sign in again");
    }
    return true;
}

static bool read_token(struct fu_redirect *redirect, struct answer *answer, fusioo_error *error) {
    char *access = find(answer, "access_token", true);
    char *type = find(answer, "token_type", true);
    char *life = find(answer, "expires_in", true);
    bool good = false;
    if (answer->starved) {
        fu_error_memory(error);
    } else if (answer->twice) {
        fu_error_set(error, FUSIOO_INVALID, "the redirected address says something twice");
    } else if (access == NULL) {
        fu_error_set(error, FUSIOO_INVALID,
                     "the redirected address brings no token: it needs what stands behind the '#', which a browser "
                     "sends to no server");
    } else {
        fusioo_token shown = {access, type, NULL, -1};
        double seconds = life != NULL ? strtod(life, NULL) : -1;
        redirect->life = seconds > 0 && seconds < 1e12 ? seconds : -1;
        good = fu_token_set(&redirect->token, &shown, error);
    }
    fu_free_secret(access);
    fu_free_secret(type);
    fu_free_secret(life);
    return good;
}

bool fu_redirect_read(struct fu_redirect *redirect, const char *url, const char *redirect_uri, const char *state,
                      bool implicit, fusioo_error *error) {
    struct answer answer = {.starved = false};
    redirect->token = (struct fu_token)FU_TOKEN_NONE;
    if (!is_same_place(url, redirect_uri, error)) {
        return false;
    }
    split(url, &answer);
    char *brought = find(&answer, "state", implicit);
    char *code = find(&answer, "error", implicit);
    bool right = brought != NULL && is_same_secret(brought, state);
    bool good = false;
    if (answer.starved) {
        fu_error_memory(error);
    } else if (state[0] == '\0') {
        fu_error_set(error, FUSIOO_INVALID,
                     "the state to compare with is empty: keep the one of authorize_url until the redirect comes");
    } else if (!right && (brought != NULL || code == NULL)) {
        fu_error_set(error, FUSIOO_INVALID,
                     "the redirect brings %s state: it belongs to another sign-in, or somebody else has made it; sign "
                     "in again",
                     brought != NULL ? "another" : "no");
    } else if (code != NULL) {
        fail_refused(&answer, code, right, implicit, error);
    } else {
        good = implicit ? read_token(redirect, &answer, error) : read_code(redirect, &answer, error);
    }
    fu_free_secret(brought);
    fu_free_secret(code);
    if (!good) {
        fu_redirect_free(redirect);
    }
    return good;
}

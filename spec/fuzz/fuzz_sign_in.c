/* fuzz_sign_in.c: any text behind the redirect URI of a sign-in. Owns: nothing. Must not know: token requests.
 *
 * Input: a byte whose lowest bit says whether the grant is implicit, and whose second whether the text stands in the
 * place of the whole address; the text.
 * Promises: what is accepted brought the state, a code or a token, and came to the redirect URI; a refusal leaves
 * nothing, and its error repeats neither the state nor, unless it is the page's own word, the text. */
#include "alloc.h"
#include "form.h"
#include "fuzz.h"
#include "redirect.h"

#define HOME "http://127.0.0.1:8080/back"
#define STATE "0123456789abcdef0123456789abcdef"

static bool has_state_in(const char *form, size_t size) {
    char *value;
    fu_form_find(form, size, "state", &value);
    bool found = value != NULL && strcmp(value, STATE) == 0;
    fu_free_secret(value);
    return found;
}

/* In the query, which ends at the first '#', or in what stands behind that. */
static bool has_state(const char *url) {
    size_t end = strcspn(url, "#");
    size_t begin = strcspn(url, "?#");
    return (begin < end && has_state_in(url + begin + 1, end - begin - 1)) ||
           (url[end] == '#' && has_state_in(url + end + 1, strlen(url + end + 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    unsigned kind = fuzz_byte(&input);
    bool implicit = (kind & 1) != 0;
    size_t left = fuzz_left(&input);
    char *url = malloc(sizeof HOME + left);
    FUZZ_CHECK(url != NULL);
    size_t head = (kind & 2) != 0 ? 0 : sizeof HOME - 1;
    memcpy(url, HOME, head);
    memcpy(url + head, input.at, left);
    url[head + left] = '\0';
    struct fu_redirect redirect = {.life = -1};
    fusioo_error error = {.kind = FUSIOO_OK};
    if (fu_redirect_read(&redirect, url, HOME, STATE, implicit, &error)) {
        FUZZ_CHECK(has_state(url));
        FUZZ_CHECK(implicit ? redirect.code == NULL && redirect.token.access != NULL
                            : redirect.code != NULL && redirect.code[0] != '\0' && redirect.token.access == NULL);
        FUZZ_CHECK(!implicit || fu_token_fault(redirect.token.access) == NULL);
        size_t end = strcspn(url, "?#"); /* the host may be written in another way: 127.1 */
        FUZZ_CHECK(end >= 5 && memcmp(url + end - 5, "/back", 5) == 0);
    } else {
        FUZZ_CHECK(error.kind == FUSIOO_INVALID || (error.kind == FUSIOO_AUTH && strstr(url, "error") != NULL));
        FUZZ_CHECK(redirect.code == NULL && redirect.token.access == NULL && error.message[0] != '\0');
        FUZZ_CHECK(error.kind == FUSIOO_AUTH || strstr(error.message, STATE) == NULL);
    }
    fu_redirect_free(&redirect);
    free(url);
    return 0;
}

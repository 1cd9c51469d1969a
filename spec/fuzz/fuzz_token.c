/* fuzz_token.c: any text as a kept token and as an answer of the token endpoint. Owns: nothing. Must not know: who asks
 * for tokens.
 *
 * Promises: what is accepted is a token that a header can hold, and is kept and read again as the same; what is refused
 * leaves nothing, and its error repeats nothing of the text. */
#include "fuzz.h"
#include "json.h"
#include "token.h"

/* So many bytes of a text in an error would be a part of a secret. */
enum { SHOWN = 16 };

static void check_silence(const char *message, const char *text, size_t size) {
    for (size_t i = 0; i + SHOWN <= size; i++) {
        if (text[i] != '\0' && strlen(text + i) >= SHOWN) {
            char part[SHOWN + 1];
            memcpy(part, text + i, SHOWN);
            part[SHOWN] = '\0';
            FUZZ_CHECK(strstr(message, part) == NULL);
        }
    }
}

static bool is_same(const char *one, const char *other) {
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* A text that is no UTF-8 cannot be kept as JSON; whatever came by way of JSON is. */
static void check_kept(const struct fu_token *token) {
    struct fu_buffer text = {.secret = true};
    struct fu_token again = FU_TOKEN_NONE;
    static const struct fu_token_owner owner = {"reports", "https://api.example/token"};
    static const struct fu_token_owner other = {"report", "https://api.example/token"};
    FUZZ_CHECK(fu_token_write(token, &owner, &text));
    FUZZ_CHECK(fu_token_is_of(text.data, text.size, &owner));
    FUZZ_CHECK(!fu_token_is_of(text.data, text.size, &other));
    FUZZ_CHECK(fu_token_read(&again, text.data, text.size, NULL));
    FUZZ_CHECK(is_same(token->access, again.access) && is_same(token->type, again.type) &&
               is_same(token->refresh, again.refresh));
    FUZZ_CHECK(token->expires_at < 0 ? again.expires_at < 0 : token->expires_at == again.expires_at);
    fu_token_free(&again);
    fu_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    struct fu_token token = FU_TOKEN_NONE;
    struct fu_token_answer answer = {.token = FU_TOKEN_NONE};
    fusioo_error error = {.kind = FUSIOO_OK};
    if (!fu_token_read(&token, text, size, &error)) {
        FUZZ_CHECK(error.kind == FUSIOO_INVALID && token.access == NULL);
        check_silence(error.message, text, size);
    } else if (token.access != NULL) {
        FUZZ_CHECK(fu_token_fault(token.access) == NULL);
        check_kept(&token);
    }
    if (!fu_token_read_answer(&answer, text, size, &error)) {
        FUZZ_CHECK(error.kind == FUSIOO_DECODE && answer.token.access == NULL);
        check_silence(error.message, text, size);
    } else if (answer.error[0] == '\0' && answer.token.access != NULL) {
        FUZZ_CHECK(fu_token_fault(answer.token.access) == NULL && (answer.life < 0 || answer.life > 0));
        check_kept(&answer.token);
    }
    fu_token_free(&token);
    fu_token_free(&answer.token);
    free(text);
    return 0;
}

/* list_records.c: the ids of an app's records, from C, without Lua.
 *
 *     FUSIOO_ACCESS_TOKEN=... build/examples/list_records APP_ID
 *
 * One id a line on standard output, the total on standard error. FUSIOO_BASE_URL names another service, such as the
 * emulator. The exit status is 0 only when every record was listed. */
#include "fusioo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints the value of the member "id". The text is checked JSON, and ids hold no quotes, so that looking for the
 * member's name is enough for an example; a program that needs the other fields takes a JSON library here. */
static void print_id(const fusioo_item *record) {
    static const char name[] = "\"id\":\"";
    for (size_t i = 0; i + sizeof name <= record->size; i++) {
        if (memcmp(record->text + i, name, sizeof name - 1) == 0) {
            const char *id = record->text + i + sizeof name - 1;
            const char *end = memchr(id, '"', record->size - (i + sizeof name - 1));
            printf("%.*s\n", end != NULL ? (int)(end - id) : 0, id);
            return;
        }
    }
}

static int list(fusioo_client *client, const char *app_id, fusioo_error *error) {
    fusioo_item record;
    fusioo_pager_state state = FUSIOO_PAGER_FAILED;
    int64_t count = 0;
    fusioo_pager *pager = fusioo_pager_start(client, FUSIOO_GET_RECORDS, app_id, strlen(app_id), NULL, NULL, error);
    if (pager == NULL) {
        return EXIT_FAILURE;
    }
    while ((state = fusioo_pager_wait(pager, &record, error)) == FUSIOO_PAGER_ITEM) {
        print_id(&record);
        count++;
    }
    fusioo_pager_free(pager);
    if (state != FUSIOO_PAGER_END) {
        return EXIT_FAILURE;
    }
    fprintf(stderr, "%" PRId64 " records\n", count);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    fusioo_error error = {.kind = FUSIOO_OK};
    fusioo_options options;
    int status = EXIT_FAILURE;
    if (argc != 2) {
        fprintf(stderr, "usage: %s APP_ID (and FUSIOO_ACCESS_TOKEN in the environment)\n", argv[0]);
        return EXIT_FAILURE;
    }
    fusioo_options_init(&options);
    options.base_url = getenv("FUSIOO_BASE_URL");
    options.token = getenv("FUSIOO_ACCESS_TOKEN");
    fusioo_engine *engine = fusioo_engine_new(&error);
    fusioo_client *client = engine != NULL ? fusioo_client_new(engine, &options, &error) : NULL;
    if (client != NULL) {
        status = list(client, argv[1], &error);
    }
    if (status != EXIT_SUCCESS) {
        char line[2048];
        fusioo_error_text(&error, line, sizeof line);
        fprintf(stderr, "%s\n", line);
    }
    fusioo_client_free(client);
    fusioo_engine_free(engine);
    return status;
}

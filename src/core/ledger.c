/* ledger.c: the book of the company's calls in a file that processes share (see ledger.h).
 * Owns: when the file is read and written. Must not know: what entries mean, who waits. */
#include "ledger.h"

#include "alloc.h"
#include "error.h"
#include "random.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds until a file that could not be had is tried again, and that a lock may be held by others before the same. */
static const double rest = 10;
static const double longest_lock = 2;

struct fu_ledger *fu_ledger_open(const char *path, mode_t mode, struct fu_clock clock, fusioo_error *error) {
    uint64_t owner;
    struct fu_ledger *ledger = fu_calloc(1, sizeof *ledger);
    if (ledger == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    ledger->file.fd = -1;
    ledger->mode = mode;
    ledger->clock = clock;
    ledger->busy_since = ledger->retry_at = -1;
    fu_process_boot(ledger->boot);
    ledger->path = fu_strdup(path);
    if (!fu_random_bytes(&owner, sizeof owner)) {
        fu_error_set(error, FUSIOO_NETWORK, "the system gave no random bytes");
    } else if (ledger->path == NULL || !fu_book_open(&ledger->book, owner, fu_process_self(), 0)) {
        fu_error_memory(error);
    } else {
        return ledger;
    }
    fu_ledger_close(ledger);
    return NULL;
}

void fu_ledger_close(struct fu_ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    fu_locked_drop(&ledger->file);
    fu_book_close(&ledger->book);
    fu_free(ledger->path);
    fu_free(ledger->bytes);
    fu_free(ledger);
}

/* ---- Trouble ---- */

/* Goes on in memory for a while, and says so the first time. */
static enum fu_access give_up(struct fu_ledger *ledger, double now, const char *why) {
    if (ledger->retry_at < 0) {
        fu_error_copy(ledger->trouble, sizeof ledger->trouble, why, strlen(why));
        snprintf(ledger->news, sizeof ledger->news,
                 "%s; until that is mended calls are counted in memory, and other processes know nothing of them",
                 ledger->trouble);
    }
    fu_locked_drop(&ledger->file);
    ledger->held = false;
    ledger->retry_at = now + rest;
    ledger->no_memory = false;
    return FU_ACCESS_ALONE;
}

static enum fu_access run_out_of_memory(struct fu_ledger *ledger, double now) {
    give_up(ledger, now, "there is not enough memory for the ledger");
    ledger->no_memory = true;
    return FU_ACCESS_ALONE;
}

static enum fu_access be_patient(struct fu_ledger *ledger, double now) {
    if (ledger->busy_since < 0 || now < ledger->busy_since) {
        ledger->busy_since = now;
    }
    if (now - ledger->busy_since < longest_lock) {
        return FU_ACCESS_BUSY;
    }
    /* Nobody who runs holds it so long: that process was stopped. */
    char why[400];
    snprintf(why, sizeof why, "another process holds '%.200s' and does not let go of it", ledger->path);
    return give_up(ledger, now, why);
}

/* ---- Reading ---- */

static bool make_room(struct fu_ledger *ledger, size_t size) {
    if (size <= ledger->room) {
        return true;
    }
    char *bytes = fu_realloc(ledger->bytes, size);
    if (bytes == NULL) {
        return false;
    }
    ledger->bytes = bytes;
    ledger->room = size;
    return true;
}

static enum fu_access understand(struct fu_ledger *ledger, size_t size, double now) {
    struct fu_moment moment = {.now = now, .wall = fu_clock_wall(&ledger->clock)};
    const char *why = "";
    char words[400];
    memcpy(moment.boot, ledger->boot, sizeof moment.boot);
    switch (fu_book_read(&ledger->book, ledger->bytes, size, &moment, &why)) {
    case FU_BOOK_SAME:
        return FU_ACCESS_SAME;
    case FU_BOOK_NEWS:
    case FU_BOOK_MADE:
        return FU_ACCESS_NEWS;
    case FU_BOOK_MENDED:
        snprintf(ledger->news, sizeof ledger->news, "'%.200s' was rebuilt: %s", ledger->path, why);
        return FU_ACCESS_NEWS;
    case FU_BOOK_OTHER:
        snprintf(words, sizeof words, "'%.200s' is no ledger: name another file, or remove it", ledger->path);
        return give_up(ledger, now, words);
    default:
        return run_out_of_memory(ledger, now);
    }
}

static enum fu_access read_file(struct fu_ledger *ledger, double now) {
    const size_t most = sizeof(struct fu_book_head) + (size_t)FU_BOOK_MOST * sizeof(struct fu_book_entry);
    struct fu_book_head head;
    fusioo_error error;
    size_t size = ledger->file.size < most ? ledger->file.size : most;
    if (size >= sizeof head) {
        if (!fu_locked_read(&ledger->file, 0, &head, sizeof head, &error)) {
            return give_up(ledger, now, error.message);
        }
        if (fu_book_is_current(&ledger->book, &head) && size >= fu_book_size(&ledger->book)) {
            return FU_ACCESS_SAME;
        }
    }
    if (!make_room(ledger, size)) {
        return run_out_of_memory(ledger, now);
    }
    if (!fu_locked_read(&ledger->file, 0, ledger->bytes, size, &error)) {
        return give_up(ledger, now, error.message);
    }
    return understand(ledger, size, now);
}

static void notice_fork(struct fu_ledger *ledger) {
    uint64_t owner = 0;
    if (ledger->book.self.pid != (uint32_t)getpid()) {
        if (!fu_random_bytes(&owner, sizeof owner)) {
            owner = ledger->book.owner + (uint64_t)getpid();
        }
        fu_book_forked(&ledger->book, owner, fu_process_self());
    }
}

enum fu_access fu_ledger_take(struct fu_ledger *ledger, int calls, double span, double now) {
    fusioo_error error;
    notice_fork(ledger);
    if (ledger->retry_at >= 0 && now < ledger->retry_at) {
        return FU_ACCESS_ALONE;
    }
    switch (fu_locked_take(&ledger->file, ledger->path, ledger->mode, &error)) {
    case FU_LOCK_BUSY:
        return be_patient(ledger, now);
    case FU_LOCK_FAILED:
        return give_up(ledger, now, error.message);
    default:
        break;
    }
    ledger->busy_since = -1;
    enum fu_access access = read_file(ledger, now);
    if (access == FU_ACCESS_ALONE) {
        return access;
    }
    if (!fu_book_fit(&ledger->book, calls, span)) {
        return run_out_of_memory(ledger, now);
    }
    ledger->retry_at = -1;
    ledger->held = true;
    return access;
}

/* ---- Writing ---- */

/* Writes each run of entries that were changed, then the head, which tells others to look. */
static bool write_changes(struct fu_ledger *ledger, fusioo_error *error) {
    struct fu_book *book = &ledger->book;
    struct fu_locked *file = &ledger->file;
    for (uint32_t i = book->low; i < book->high; i++) {
        uint32_t first = i;
        while (i < book->high && book->changed[i]) {
            i++;
        }
        size_t offset = sizeof book->head + first * sizeof *book->entries;
        if (i > first &&
            !fu_locked_write(file, offset, &book->entries[first], (i - first) * sizeof *book->entries, error)) {
            return false;
        }
    }
    return fu_locked_write(file, 0, &book->head, sizeof book->head, error);
}

void fu_ledger_drop(struct fu_ledger *ledger) {
    struct fu_book *book = &ledger->book;
    fusioo_error error;
    if (!ledger->held) {
        return;
    }
    if (fu_book_is_changed(book)) {
        struct fu_moment moment = {.now = fu_clock_now(&ledger->clock), .wall = fu_clock_wall(&ledger->clock)};
        memcpy(moment.boot, ledger->boot, sizeof moment.boot);
        fu_book_seal(book, &moment);
        if (!write_changes(ledger, &error)) {
            give_up(ledger, moment.now, error.message);
            return;
        }
        fu_book_written(book);
    }
    ledger->held = false;
    fu_locked_drop(&ledger->file);
}

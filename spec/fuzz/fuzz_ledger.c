/* fuzz_ledger.c: what is believed of a ledger file. Owns: the file in memory. Must not know: files, locks.
 *
 * Input: a byte of wishes (is the file cut, is it another start of the machine, do the sums fit), how many calls it
 * holds, then patches: two bytes for a place, one for the value; places go round the head and the first entries.
 * Promises: reading never goes beyond the bytes; the book has a number of places that may be; nothing lies ahead of the
 * clock but waits; what the reader knew is not forgotten; what it writes then is read by anybody as it stands. */
#include "book.h"
#include "fuzz.h"
#include "random.h"

#include <math.h>

enum { CUT = 1, OTHER_START = 2, SUMMED = 4, EMPTY = 8, PATCHED = 1024 };

static const double SPAN = 60;
enum { MOST_SIZE = sizeof(struct fu_book_head) + FU_BOOK_MOST * sizeof(struct fu_book_entry) };

static unsigned char file[MOST_SIZE];
static size_t file_size;
static struct fu_moment moment;

static void write_file(struct fu_book *book) {
    fu_book_seal(book, &moment);
    file_size = fu_book_size(book);
    memcpy(file, &book->head, sizeof book->head);
    memcpy(file + sizeof book->head, book->entries, book->head.places * sizeof *book->entries);
    fu_book_written(book);
}

static enum fu_book_found read_file(struct fu_book *book) {
    const char *why = "";
    char *exact = fuzz_copy(file, file_size);
    enum fu_book_found found = fu_book_read(book, exact, file_size, &moment, &why);
    FUZZ_CHECK(found != FU_BOOK_FAILED);
    free(exact);
    return found;
}

/* As fu_book_seal does it, so that what follows the sums is tried, too. */
static uint32_t sum_of(const void *bytes, size_t size) {
    static const struct fu_hash_key key = {0, 0};
    uint64_t hash = fu_hash(&key, bytes, size);
    return (uint32_t)(hash ^ hash >> 32);
}

static void mend_sums(void) {
    struct fu_book_head head;
    memcpy(&head, file, sizeof head);
    head.sum = sum_of(&head, offsetof(struct fu_book_head, sum));
    memcpy(file, &head, sizeof head);
    for (size_t at = sizeof head; at + sizeof(struct fu_book_entry) <= file_size && at < 4UL * PATCHED;
         at += sizeof(struct fu_book_entry)) {
        struct fu_book_entry entry;
        memcpy(&entry, file + at, sizeof entry);
        entry.sum = sum_of((const char *)&entry + sizeof entry.sum, sizeof entry - sizeof entry.sum);
        memcpy(file + at, &entry, sizeof entry);
    }
}

static void patch(struct fuzz_input *input) {
    while (fuzz_left(input) >= 3 && file_size > 0) {
        size_t at = fuzz_byte(input) << 8 | fuzz_byte(input);
        file[at % (file_size < PATCHED ? file_size : PATCHED)] = (unsigned char)fuzz_byte(input);
    }
}

static size_t used(struct fu_book *book) {
    struct fu_window window = {0};
    unsigned trying;
    FUZZ_CHECK(fu_book_fill(book, &window, moment.now, &trying));
    size_t count = fu_window_used(&window, SPAN, moment.now);
    double wait = fu_window_wait(&window, (struct fu_limit){5, SPAN}, moment.now);
    FUZZ_CHECK(wait == -1 || (wait >= 0 && wait <= SPAN + 1));
    fu_window_free(&window);
    return count;
}

/* Calls that the book itself knows to be under way, but that nobody else believes in any more. */
static size_t endless(const struct fu_book *book) {
    size_t count = 0;
    for (uint32_t i = 0; i < book->head.places; i++) {
        const struct fu_book_entry *entry = &book->entries[i];
        count += entry->state == FU_ENTRY_UNDER_WAY && entry->owner == book->owner && entry->time + 300 <= moment.now;
    }
    return count;
}

static void check(struct fu_book *book) {
    uint32_t places = book->head.places;
    FUZZ_CHECK(places >= FU_BOOK_LEAST && places <= FU_BOOK_MOST && (places & (places - 1)) == 0);
    for (uint32_t i = 0; i < places; i++) {
        const struct fu_book_entry *entry = &book->entries[i];
        FUZZ_CHECK(entry->state <= FU_ENTRY_WAITING && isfinite(entry->time));
        bool counts = entry->state == FU_ENTRY_UNDER_WAY || entry->state == FU_ENTRY_COUNTED;
        FUZZ_CHECK(!counts || entry->time <= moment.now + 1);
        FUZZ_CHECK(memchr(entry->tag, '\0', sizeof entry->tag) != NULL);
    }
    FUZZ_CHECK(book->head.refusal.closed_until <= moment.now + 86400);
    used(book);
    int ahead = fu_book_ahead(book, 5, moment.now);
    FUZZ_CHECK(ahead >= 0 && (uint32_t)ahead <= places);
}

/* What `book` makes of the file, and what others make of what it writes. `knew`: calls that it must not forget. */
static void try_reader(struct fu_book *book, size_t knew) {
    struct fu_book second;
    enum fu_book_found found = read_file(book);
    if (found == FU_BOOK_OTHER) {
        FUZZ_CHECK(knew == 0);
        return;
    }
    FUZZ_CHECK(fu_book_fit(book, 5, SPAN));
    check(book);
    FUZZ_CHECK(used(book) >= knew);
    uint32_t number = fu_book_begin(book, "x", moment.now);
    size_t count = used(book);
    write_file(book);
    FUZZ_CHECK(fu_book_open(&second, 3, (struct fu_process){1, 1}, 5));
    FUZZ_CHECK(read_file(&second) == FU_BOOK_NEWS);
    FUZZ_CHECK(used(&second) <= count && used(&second) + endless(book) >= count);
    check(&second);
    fu_book_close(&second);
    if (number != 0) {
        fu_book_end(book, number, moment.now, true);
        FUZZ_CHECK(used(book) == count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    unsigned wishes = fuzz_byte(&input);
    unsigned calls = fuzz_byte(&input) % 16;
    struct fu_book knower;
    struct fu_book stranger;
    moment = (struct fu_moment){.now = 1000, .wall = 1e9, .boot = {1}};
    file_size = 0;
    FUZZ_CHECK(fu_book_open(&knower, 1, (struct fu_process){1, 1}, 5));
    FUZZ_CHECK(fu_book_open(&stranger, 2, (struct fu_process){1, 1}, 5));
    read_file(&knower);
    FUZZ_CHECK(fu_book_fit(&knower, 5, SPAN));
    for (unsigned i = 0; i < calls; i++) {
        uint32_t number = fu_book_begin(&knower, "tag", moment.now);
        if (i % 3 > 0) {
            fu_book_end(&knower, number, moment.now, i % 3 == 1);
        }
    }
    fu_book_wait(&knower, 5, moment.now + 1, moment.now);
    size_t knew = used(&knower);
    write_file(&knower);
    patch(&input);
    file_size = wishes & EMPTY ? 0 : wishes & CUT ? file_size * (wishes >> 4) / 16 : file_size;
    if (wishes & SUMMED && file_size > sizeof(struct fu_book_head)) {
        mend_sums();
        knew = 0; /* what has the right sums is believed: it says that those calls are not there */
    }
    if (wishes & OTHER_START) {
        moment.boot[0] = 2;
        moment.now = 20;
    }
    unsigned char *kept = file_size > 0 ? (unsigned char *)fuzz_copy(file, file_size) : NULL;
    size_t kept_size = file_size;
    try_reader(&stranger, 0);
    if (kept != NULL) {
        memcpy(file, kept, kept_size);
    }
    file_size = kept_size;
    if (!(wishes & OTHER_START)) { /* no process outlives the machine */
        try_reader(&knower, knew);
    }
    free(kept);
    fu_book_close(&knower);
    fu_book_close(&stranger);
    return 0;
}

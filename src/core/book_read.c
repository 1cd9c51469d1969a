/* book_read.c: what is believed of a ledger file, and what is written to it (see book.h).
 * Owns: the checks. Must not know: files, locks, clocks, what entries are for (book.c). */
#include "book_private.h"

#include "alloc.h"
#include "random.h"

#include <math.h>
#include <string.h>

static const char magic[8] = {'F', 'U', 'S', 'I', 'O', 'L', 'G', '1'};

/* Clocks of two processors may differ by so much; what lies further ahead is a mistake. */
static const double slack = 1;
/* No Retry-After of a sane service is longer. */
static const double longest_closing = 86400;
/* Thirty million years: no sum of such times is more than a double can tell apart. */
static const double any_time = 1e15;

/* ---- Sums ---- */

/* Against chance, not against malice: who may write the file may write anything. */
static uint32_t sum_of(const void *bytes, size_t size) {
    static const struct fu_hash_key key = {0, 0};
    uint64_t hash = fu_hash(&key, bytes, size);
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t sum_of_entry(const struct fu_book_entry *entry) {
    return sum_of((const char *)entry + sizeof entry->sum, sizeof *entry - sizeof entry->sum);
}

static uint32_t sum_of_head(const struct fu_book_head *head) {
    return sum_of(head, offsetof(struct fu_book_head, sum));
}

void fu_book_seal(struct fu_book *book, const struct fu_moment *moment) {
    struct fu_book_head *head = &book->head;
    memcpy(head->magic, magic, sizeof magic);
    head->generation++;
    head->written = moment->now;
    head->wall = moment->wall;
    memcpy(head->boot, moment->boot, sizeof head->boot);
    head->sum = sum_of_head(head);
    for (uint32_t i = book->low; i < book->high; i++) {
        if (book->changed[i]) {
            book->entries[i].sum = sum_of_entry(&book->entries[i]);
        }
    }
}

/* ---- Checks ---- */

static bool is_zero(const struct fu_book_entry *entry) {
    static const char zeros[sizeof *entry];
    return memcmp((const char *)entry, zeros, sizeof zeros) == 0;
}

static bool is_time(double seconds) {
    return isfinite(seconds) && fabs(seconds) <= any_time;
}

static bool is_sound(const struct fu_book_entry *entry) {
    return is_zero(entry) ||
           (entry->sum == sum_of_entry(entry) && entry->state <= FU_ENTRY_WAITING && is_time(entry->time) &&
            is_time(entry->calls) && memchr(entry->tag, '\0', sizeof entry->tag) != NULL);
}

static bool are_places(uint32_t places) {
    return places >= FU_BOOK_LEAST && places <= FU_BOOK_MOST && (places & (places - 1)) == 0;
}

static bool is_book(const struct fu_book_head *head) {
    return memcmp(head->magic, magic, sizeof magic) == 0;
}

static bool is_good_head(const struct fu_book_head *head) {
    return is_book(head) && head->sum == sum_of_head(head) && are_places(head->places) && is_time(head->written) &&
           is_time(head->wall) && is_time(head->span) && is_time(head->refusal.refused_at) &&
           is_time(head->refusal.closed_until);
}

bool fu_book_is_current(const struct fu_book *book, const struct fu_book_head *head) {
    return book->known && head->generation == book->head.generation && head->places == book->head.places &&
           memcmp(head->boot, book->head.boot, sizeof head->boot) == 0 && is_good_head(head);
}

/* A file of any other kind must not be overwritten because somebody has named it by mistake. */
static bool was_book(const struct fu_book *book, const char *bytes, size_t size) {
    struct fu_book_head head;
    struct fu_book_entry entry;
    if (book->known || size < sizeof head) {
        return book->known || memcmp(bytes, magic, size < sizeof magic ? size : sizeof magic) == 0;
    }
    memcpy(&head, bytes, sizeof head);
    size_t rest = size - sizeof head;
    if (is_book(&head) || (rest % sizeof entry == 0 && rest / sizeof entry <= FU_BOOK_MOST &&
                           are_places((uint32_t)(rest / sizeof entry)))) {
        return true; /* after a crash a file may be all zeros, but as long as it was */
    }
    for (size_t at = sizeof head; size - at >= sizeof entry && at < sizeof head + FU_BOOK_MOST * sizeof entry;
         at += sizeof entry) {
        memcpy(&entry, bytes + at, sizeof entry);
        if (!is_zero(&entry) && is_sound(&entry)) {
            return true;
        }
    }
    return false;
}

/* ---- Another start of the machine ---- */

/* The machine's clock begins anew with the machine: what the wall clock says has passed since the last change is all
 * there is to go by, and one that was set back says nothing. */
static void shift(struct fu_book *fresh, const struct fu_moment *moment) {
    struct fu_book_head *head = &fresh->head;
    double passed = moment->wall - head->wall;
    double by = moment->now - head->written - (passed > 0 ? passed : 0);
    head->refusal.refused_at += by;
    head->refusal.closed_until += by;
    for (uint32_t i = 0; i < head->places; i++) {
        struct fu_book_entry *entry = &fresh->entries[i];
        entry->time += by;
        if (entry->state == FU_ENTRY_UNDER_WAY) { /* nobody of that time lives */
            entry->state = FU_ENTRY_COUNTED;
            entry->time = fu_book_latest(entry->time, moment->now);
        } else if (entry->state == FU_ENTRY_WAITING) {
            entry->state = FU_ENTRY_FREE;
        }
    }
    fu_book_mark_all(fresh);
}

static bool is_of_this_start(const struct fu_book_head *head, const struct fu_moment *moment) {
    return memcmp(head->boot, moment->boot, sizeof head->boot) == 0 && head->written <= moment->now + slack;
}

/* ---- Taking in ---- */

/* What the clock has not reached yet counts from now, and nothing stays closed longer than makes sense. */
static void clamp(struct fu_book *fresh, double now) {
    struct fu_refusal *refusal = &fresh->head.refusal;
    for (uint32_t i = 0; i < fresh->head.places; i++) {
        struct fu_book_entry *entry = &fresh->entries[i];
        if (entry->state != FU_ENTRY_WAITING && entry->time > now + slack) {
            entry->time = now;
            fu_book_mark(fresh, i);
        }
    }
    if (refusal->refused_at > now + slack || refusal->closed_until > now + longest_closing) {
        memset(refusal, 0, sizeof *refusal);
        fresh->head_changed = true;
    }
}

/* Copies the file's entries; one that is damaged is taken from what this process knew. Returns how many were. Zeros are
 * an entry that was never used, except where the head is of no use either: then they are what a crash has left. */
static size_t copy_entries(struct fu_book *fresh, const struct fu_book *book, const char *bytes, size_t count,
                           bool with_head) {
    size_t damaged = 0;
    for (uint32_t i = 0; i < fresh->head.places; i++) {
        struct fu_book_entry *entry = &fresh->entries[i];
        if (i < count) {
            memcpy(entry, bytes + i * sizeof *entry, sizeof *entry);
            if (is_sound(entry) && (with_head || !is_zero(entry))) {
                continue;
            }
            damaged++;
        }
        memset(entry, 0, sizeof *entry);
        if (book->known && i < book->head.places) {
            *entry = book->entries[i];
        }
        fu_book_mark(fresh, i);
    }
    return damaged;
}

/* This process's own changes that the file does not have yet. A place may have been used by others meanwhile. */
static void keep_changes(struct fu_book *fresh, const struct fu_book *book, double now) {
    for (uint32_t i = book->low; i < book->high; i++) {
        const struct fu_book_entry *mine = &book->entries[i];
        if (!book->changed[i] || mine->owner != book->owner) {
            continue;
        }
        struct fu_book_entry *place = i < fresh->head.places ? &fresh->entries[i] : NULL;
        bool still_mine = place != NULL && (place->owner == book->owner || place->state == FU_ENTRY_FREE);
        if (!still_mine && mine->state == FU_ENTRY_FREE) {
            continue;
        }
        place = still_mine ? place : fu_book_take(fresh, now);
        if (place != NULL) {
            *place = *mine;
            fu_book_mark(fresh, (uint32_t)(place - fresh->entries));
        }
    }
}

static void replace(struct fu_book *book, struct fu_book *fresh) {
    fu_free(book->entries);
    fu_free(book->changed);
    fu_free(book->times);
    fresh->last_number = book->last_number;
    fresh->own_place = book->own_place;
    fresh->has_line = true; /* until somebody has looked */
    fresh->known = true;
    *book = *fresh;
}

/* The file is of no use: what this process knew is written anew, under a generation that nobody has seen. */
static enum fu_book_found start_over(struct fu_book *book, enum fu_book_found found) {
    book->head.generation += UINT64_C(1) << 32;
    book->known = true;
    fu_book_mark_all(book);
    return found;
}

/* A head that cannot be read leaves the entries, which say of themselves whether they are whole. */
static enum fu_book_found salvage(struct fu_book *book, struct fu_book *fresh, const char *bytes, size_t size,
                                  const struct fu_moment *moment) {
    size_t count = size > sizeof fresh->head ? (size - sizeof fresh->head) / sizeof *fresh->entries : 0;
    uint32_t places = book->head.places;
    while (places < FU_BOOK_MOST && places < count) {
        places *= 2;
    }
    if (!fu_book_reserve(fresh, places)) {
        return FU_BOOK_FAILED;
    }
    fresh->head = book->head;
    fresh->head.places = places;
    copy_entries(fresh, book, bytes + (count > 0 ? sizeof fresh->head : 0), count, false);
    clamp(fresh, moment->now);
    keep_changes(fresh, book, moment->now);
    replace(book, fresh);
    return start_over(book, FU_BOOK_MENDED);
}

static enum fu_book_found take_in(struct fu_book *book, struct fu_book *fresh, const char *bytes, size_t size,
                                  const struct fu_moment *moment, const char **why) {
    struct fu_book_head head;
    memcpy(&head, bytes, sizeof head);
    if (!fu_book_reserve(fresh, head.places)) {
        return FU_BOOK_FAILED;
    }
    fresh->head = head;
    size_t count = (size - sizeof head) / sizeof *fresh->entries;
    size_t damaged = copy_entries(fresh, book, bytes + sizeof head, count, true);
    bool cut = count < head.places;
    if (!is_of_this_start(&head, moment)) {
        shift(fresh, moment);
    }
    clamp(fresh, moment->now);
    keep_changes(fresh, book, moment->now);
    fresh->head_changed = fresh->head_changed || book->head_changed;
    fresh->head.span = book->head.span > head.span ? book->head.span : head.span;
    replace(book, fresh);
    *why = cut ? "it is cut off" : "an entry is damaged";
    return cut || damaged > 0 ? FU_BOOK_MENDED : FU_BOOK_NEWS;
}

enum fu_book_found fu_book_read(struct fu_book *book, const void *bytes, size_t size, const struct fu_moment *moment,
                                const char **why) {
    struct fu_book_head head;
    if (size == 0) {
        *why = "it was emptied or removed";
        return start_over(book, book->known ? FU_BOOK_MENDED : FU_BOOK_MADE);
    }
    bool good = false;
    if (size >= sizeof head) {
        memcpy(&head, bytes, sizeof head);
        good = is_good_head(&head);
    }
    if (good && fu_book_is_current(book, &head) && size >= fu_book_size(book)) {
        return FU_BOOK_SAME;
    }
    struct fu_book fresh = {.self = book->self, .owner = book->owner, .next_place = book->next_place};
    enum fu_book_found found;
    if (good) {
        found = take_in(book, &fresh, bytes, size, moment, why);
    } else if (was_book(book, bytes, size)) {
        *why = "its head is damaged";
        found = salvage(book, &fresh, bytes, size, moment);
    } else {
        return FU_BOOK_OTHER;
    }
    if (found == FU_BOOK_FAILED) {
        fu_book_close(&fresh);
    }
    return found;
}

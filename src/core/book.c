/* book.c: what the ledger holds (see book.h): entering calls, the line of processes, burying the dead.
 * Owns: the entries. Must not know: files, locks, clocks, how bytes of a file are checked (book_read.c). */
#include "book_private.h"

#include "alloc.h"
#include "error.h"

#include <string.h>

/* No request outlives so many seconds as far as others are concerned: where its process died or is silent, the service
 * counted it by then. */
static const double longest_request = 300;
/* A process that does not look again when it said it would is passed over after so many seconds, and its place in the
 * file is used again after so many. */
static const double patience = 0.5;
static const double forgotten = 60;

_Static_assert(sizeof(struct fu_book_entry) == 64, "an entry's form in the file");
_Static_assert(sizeof(struct fu_book_head) == 128, "the head's form in the file");

static uint32_t places_for(int calls) {
    uint32_t places = FU_BOOK_LEAST;
    while (places < FU_BOOK_MOST && places / 2 < (uint32_t)calls) {
        places *= 2;
    }
    return places;
}

/* ---- Life ---- */

bool fu_book_reserve(struct fu_book *book, uint32_t places) {
    uint32_t held = book->entries != NULL ? book->head.places : 0;
    if (places <= held) {
        return true;
    }
    struct fu_book_entry *entries = fu_calloc(places, sizeof *entries);
    unsigned char *changed = fu_calloc(places, 1);
    double *times = fu_malloc(places * sizeof *times);
    if (entries == NULL || changed == NULL || times == NULL) {
        fu_free(entries);
        fu_free(changed);
        fu_free(times);
        return false;
    }
    if (held > 0) {
        memcpy(entries, book->entries, held * sizeof *entries);
        memcpy(changed, book->changed, held);
    }
    fu_free(book->entries);
    fu_free(book->changed);
    fu_free(book->times);
    book->entries = entries;
    book->changed = changed;
    book->times = times;
    book->head.places = places;
    return true;
}

bool fu_book_open(struct fu_book *book, uint64_t owner, struct fu_process self, int calls) {
    memset(book, 0, sizeof *book);
    book->owner = owner;
    book->self = self;
    book->head.generation = owner; /* by chance: a file that is made anew never looks like an older one */
    return fu_book_reserve(book, places_for(calls));
}

void fu_book_close(struct fu_book *book) {
    fu_free(book->entries);
    fu_free(book->changed);
    fu_free(book->times);
    memset(book, 0, sizeof *book);
}

void fu_book_forked(struct fu_book *book, uint64_t owner, struct fu_process self) {
    book->owner = owner;
    book->self = self;
    book->head.generation = ~book->head.generation; /* unlike any that is known: all of the file is read next */
    fu_book_written(book);
}

bool fu_book_fit(struct fu_book *book, int calls, double span) {
    uint32_t places = book->head.places;
    if (!fu_book_reserve(book, places_for(calls))) {
        return false;
    }
    while (places < book->head.places) { /* the new places are written, so that the file has them */
        fu_book_mark(book, places++);
        book->head_changed = true;
    }
    book->head_changed = book->head_changed || span > book->head.span;
    book->head.span = span > book->head.span ? span : book->head.span;
    return true;
}

size_t fu_book_size(const struct fu_book *book) {
    return sizeof book->head + book->head.places * sizeof *book->entries;
}

void fu_book_mark(struct fu_book *book, uint32_t place) {
    book->changed[place] = 1;
    bool none = book->low == book->high;
    book->low = none || place < book->low ? place : book->low;
    book->high = none || place >= book->high ? place + 1 : book->high;
}

void fu_book_mark_all(struct fu_book *book) {
    book->head_changed = true;
    memset(book->changed, 1, book->head.places);
    book->low = 0;
    book->high = book->head.places;
}

bool fu_book_is_changed(const struct fu_book *book) {
    return book->head_changed || book->low != book->high;
}

void fu_book_written(struct fu_book *book) {
    book->head_changed = false;
    memset(book->changed, 0, book->head.places);
    book->low = book->high = 0;
}

/* ---- Entries ---- */

static void mark(struct fu_book *book, const struct fu_book_entry *entry) {
    fu_book_mark(book, (uint32_t)(entry - book->entries));
}

static bool is_mine(const struct fu_book *book, const struct fu_book_entry *entry) {
    return entry->owner == book->owner;
}

static bool is_free(const struct fu_book *book, const struct fu_book_entry *entry, double now) {
    switch (entry->state) {
    case FU_ENTRY_FREE:
        return true;
    case FU_ENTRY_COUNTED:
        return entry->time + book->head.span <= now;
    case FU_ENTRY_WAITING:
        return !is_mine(book, entry) && entry->time + forgotten < now;
    default:
        return false;
    }
}

struct fu_book_entry *fu_book_take(struct fu_book *book, double now) {
    uint32_t places = book->head.places;
    for (uint32_t i = 0; i < places; i++) {
        uint32_t place = (book->next_place + i) % places;
        struct fu_book_entry *entry = &book->entries[place];
        if (is_free(book, entry, now)) {
            book->next_place = place + 1;
            *entry = (struct fu_book_entry){.owner = book->owner, .pid = book->self.pid, .born = book->self.born};
            mark(book, entry);
            return entry;
        }
    }
    return NULL;
}

/* This process's call of that number: it was entered not long ago, so that the latest places come first. */
static struct fu_book_entry *find_call(const struct fu_book *book, uint32_t number) {
    uint32_t places = book->head.places;
    for (uint32_t i = 1; i <= places; i++) {
        struct fu_book_entry *entry = &book->entries[(book->next_place + places - i) % places];
        if (is_mine(book, entry) && entry->number == number &&
            (entry->state == FU_ENTRY_UNDER_WAY || entry->state == FU_ENTRY_COUNTED)) {
            return entry;
        }
    }
    return NULL;
}

static void set_tag(struct fu_book_entry *entry, const char *tag) {
    if (tag != NULL) {
        fu_error_copy(entry->tag, sizeof entry->tag, tag, strlen(tag));
    }
}

uint32_t fu_book_begin(struct fu_book *book, const char *tag, double now) {
    struct fu_book_entry *entry = fu_book_take(book, now);
    if (entry == NULL) {
        return 0;
    }
    book->last_number += book->last_number == UINT32_MAX ? 2 : 1; /* 0 is none */
    entry->state = FU_ENTRY_UNDER_WAY;
    entry->time = now;
    entry->number = book->last_number;
    set_tag(entry, tag);
    return entry->number;
}

void fu_book_end(struct fu_book *book, uint32_t number, double now, bool counted) {
    struct fu_book_entry *entry = find_call(book, number);
    if (entry == NULL && counted) {
        entry = fu_book_take(book, now); /* it lasted longer than anybody believed */
    }
    if (entry != NULL) {
        entry->state = counted ? FU_ENTRY_COUNTED : FU_ENTRY_FREE;
        entry->time = now;
        entry->number = number;
        mark(book, entry);
    }
}

void fu_book_note(struct fu_book *book, const char *tag, double now) {
    uint32_t number = fu_book_begin(book, tag, now);
    if (number != 0) {
        fu_book_end(book, number, now, true);
    }
}

/* ---- The line of processes ---- */

static bool is_own_place(const struct fu_book *book, uint32_t place) {
    return place < book->head.places && book->entries[place].state == FU_ENTRY_WAITING &&
           is_mine(book, &book->entries[place]);
}

static struct fu_book_entry *own_place(struct fu_book *book) {
    if (!is_own_place(book, book->own_place) && book->has_line) {
        book->own_place = 0;
        while (book->own_place < book->head.places && !is_own_place(book, book->own_place)) {
            book->own_place++;
        }
    }
    return is_own_place(book, book->own_place) ? &book->entries[book->own_place] : NULL;
}

void fu_book_wait(struct fu_book *book, int calls, double due, double now) {
    struct fu_book_entry *entry = own_place(book);
    if (entry == NULL) {
        entry = fu_book_take(book, now);
        if (entry == NULL) {
            return; /* who stands nowhere is served all the same, only later */
        }
        entry->state = FU_ENTRY_WAITING;
        entry->number = book->head.next_number++;
        book->head_changed = true;
        book->has_line = true;
        book->own_place = (uint32_t)(entry - book->entries);
    } else if (entry->time == due && entry->calls == (double)calls) {
        return;
    }
    entry->time = due;
    entry->calls = (double)calls;
    mark(book, entry);
}

void fu_book_unwait(struct fu_book *book) {
    struct fu_book_entry *entry = own_place(book);
    if (entry != NULL) {
        entry->state = FU_ENTRY_FREE;
        mark(book, entry);
    }
}

int fu_book_ahead(struct fu_book *book, int calls, double now) {
    if (!book->has_line) {
        return 0;
    }
    const struct fu_book_entry *mine = own_place(book);
    int ahead = 0;
    book->has_line = false;
    for (uint32_t i = 0; i < book->head.places; i++) {
        const struct fu_book_entry *entry = &book->entries[i];
        if (entry->state != FU_ENTRY_WAITING) {
            continue;
        }
        book->has_line = true;
        bool before = mine == NULL || entry->number - mine->number > UINT32_MAX / 2; /* the numbers go round */
        ahead += entry != mine && before && entry->time + patience >= now && entry->calls >= (double)calls;
    }
    return ahead;
}

/* ---- The dead ---- */

double fu_book_latest(double began, double now) {
    return began + longest_request < now ? began + longest_request : now;
}

bool fu_book_bury(struct fu_book *book, double now) {
    struct fu_process last = book->self;
    bool last_lives = true;
    bool any = false;
    for (uint32_t i = 0; i < book->head.places; i++) {
        struct fu_book_entry *entry = &book->entries[i];
        if ((entry->state != FU_ENTRY_UNDER_WAY && entry->state != FU_ENTRY_WAITING) || is_mine(book, entry)) {
            continue;
        }
        if (entry->pid != last.pid || entry->born != last.born) {
            last = (struct fu_process){entry->pid, entry->born};
            last_lives = fu_process_lives(last);
        }
        if (!last_lives) {
            bool waited = entry->state == FU_ENTRY_WAITING;
            entry->state = waited ? FU_ENTRY_FREE : FU_ENTRY_COUNTED;
            entry->time = waited ? entry->time : fu_book_latest(entry->time, now);
            mark(book, entry);
            any = true;
        }
    }
    return any;
}

/* ---- The window ---- */

bool fu_book_fill(const struct fu_book *book, struct fu_window *window, double now, unsigned *trying) {
    size_t count = 0;
    size_t under_way = 0;
    *trying = 0;
    for (uint32_t i = 0; i < book->head.places; i++) {
        const struct fu_book_entry *entry = &book->entries[i];
        bool silent = !is_mine(book, entry) && entry->time + longest_request <= now;
        if (entry->state == FU_ENTRY_UNDER_WAY && !silent) {
            under_way++;
            *trying += fu_refusal_is_trial(&book->head.refusal, entry->time);
        } else if (entry->state == FU_ENTRY_UNDER_WAY) {
            book->times[count++] = entry->time + longest_request;
        } else if (entry->state == FU_ENTRY_COUNTED && entry->time + book->head.span > now) {
            book->times[count++] = entry->time;
        }
    }
    return fu_window_set(window, book->times, count, under_way);
}

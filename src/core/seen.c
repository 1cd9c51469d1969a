/* seen.c: which ids were handed out (see seen.h). Owns: fingerprints of ids. Must not know: ids themselves, pages. */
#include "seen.h"

#include "alloc.h"

/* The largest: 40 MB. How many will come is what a service or a user says, and memory is not spent on words. */
enum { SMALLEST_PART = 512, LARGEST_PART = 4000000 };

/* An open table with linear probing; 0 marks a free place. */
struct fu_seen_part {
    struct fu_seen_part *next;
    uint32_t places, count, most; /* `most`: full at 80% */
    uint64_t prints[];
};

void fu_seen_free(struct fu_seen *seen) {
    while (seen->parts != NULL) {
        struct fu_seen_part *part = seen->parts;
        seen->parts = part->next;
        fu_free(part);
    }
    seen->count = 0;
}

static bool add_part(struct fu_seen *seen, size_t most) {
    if (most < SMALLEST_PART) {
        most = SMALLEST_PART;
    }
    if (most > LARGEST_PART) {
        most = LARGEST_PART;
    }
    size_t places = most + most / 4 + 1;
    struct fu_seen_part *part = fu_calloc(1, sizeof *part + places * sizeof part->prints[0]);
    if (part == NULL) {
        return false;
    }
    part->places = (uint32_t)places;
    part->most = (uint32_t)most;
    part->next = seen->parts;
    seen->parts = part;
    return true;
}

bool fu_seen_reserve(struct fu_seen *seen, size_t more) {
    if (seen->parts != NULL && seen->parts->most - seen->parts->count >= more) {
        return true;
    }
    return add_part(seen, more);
}

/* Where `print` stands, or the free place where it would. */
static uint32_t find(const struct fu_seen_part *part, uint64_t print) {
    uint32_t place = (uint32_t)(((print >> 32) * part->places) >> 32);
    while (part->prints[place] != 0 && part->prints[place] != print) {
        place = place + 1 < part->places ? place + 1 : 0;
    }
    return place;
}

static uint64_t not_zero(uint64_t print) {
    return print != 0 ? print : 1;
}

bool fu_seen_has(const struct fu_seen *seen, uint64_t print) {
    print = not_zero(print);
    for (const struct fu_seen_part *part = seen->parts; part != NULL; part = part->next) {
        if (part->prints[find(part, print)] == print) {
            return true;
        }
    }
    return false;
}

bool fu_seen_add(struct fu_seen *seen, uint64_t print, bool *added) {
    print = not_zero(print);
    *added = !fu_seen_has(seen, print);
    if (!*added) {
        return true;
    }
    struct fu_seen_part *part = seen->parts;
    if ((part == NULL || part->count == part->most) && !add_part(seen, seen->count / 8)) {
        return false;
    }
    part = seen->parts;
    part->prints[find(part, print)] = print;
    part->count++;
    seen->count++;
    return true;
}

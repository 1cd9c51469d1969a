/* seam.c: whether a page joins the one before it (see seam.h). Owns: the rule. Must not know: calls, the network. */
#include "seam.h"

static bool find(const struct fu_seam_page *page, uint64_t print, size_t *place) {
    for (size_t i = 0; i < page->count; i++) {
        if (page->prints[i] == print) {
            *place = i;
            return true;
        }
    }
    return false;
}

static bool all_seen(const struct fu_seam_page *page, const struct fu_seen *seen) {
    for (size_t i = 0; i < page->count; i++) {
        if (!fu_seen_has(seen, page->prints[i])) {
            return false;
        }
    }
    return true;
}

/* Do more than half of the page before, from `from` on, stand in this one? A few may have been moved here, not most. */
static bool has_most(const struct fu_seam_page *before, size_t from, const struct fu_seam_page *page) {
    size_t common = 0;
    size_t place;
    for (size_t i = from; i < before->count; i++) {
        common += find(page, before->prints[i], &place);
    }
    return common > 1 && common * 2 > before->count - from;
}

enum fu_seam fu_seam_check(const struct fu_seam_page *before, const struct fu_seam_page *page, size_t overlap,
                           bool whole, const struct fu_seen *seen, bool *moved, int64_t *shift) {
    size_t place = 0;
    *moved = true;
    *shift = 0;
    if (page->count == 0) {
        return FU_SEAM_GAP; /* so many rows went that the seam itself is out of reach */
    }
    int64_t end = before->offset + (int64_t)before->count;
    bool has_last = find(page, before->prints[before->count - 1], &place);
    if (has_last) {
        *shift = page->offset + (int64_t)place - (end - 1);
        *moved = *shift != 0;
        if (place == 0 || fu_seen_has(seen, page->prints[0])) {
            return FU_SEAM_JOINS;
        }
    } else if (find(before, page->prints[0], &place)) {
        *shift = page->offset - (before->offset + (int64_t)place);
    }
    if (!has_last && all_seen(page, seen)) {
        if (page->offset + (int64_t)page->count <= end && page->offset < end - (int64_t)overlap) {
            return FU_SEAM_BEHIND; /* it was asked for before others that went further */
        }
        if (page->full) {
            return FU_SEAM_JOINS; /* more rows came in before than a page holds */
        }
        /* A short page of records that were all seen may be two that were moved to the end, behind unread ones. */
    }
    if (overlap > 1) {
        size_t from = before->count > overlap ? before->count - overlap : 0;
        if (page->prints[0] == before->prints[from]) {
            return FU_SEAM_JOINS; /* it begins just where it should; what is missing in between is gone */
        }
        if (find(before, page->prints[0], &place) && has_most(before, place, page)) {
            return FU_SEAM_JOINS;
        }
    }
    if (whole && (has_last || fu_seen_has(seen, page->prints[0]))) {
        return FU_SEAM_JOINS;
    }
    return FU_SEAM_GAP;
}

/* seam.h: whether a page joins the one before it.
 *
 * Owns: the rule, as a pure function. Must not know: calls, the network.
 *
 * Rows come and go while pages are read, so the offset of a page says little about where it begins. What says something
 * is its first records: a page may follow another one if no record can stand between them unseen. That is so where the
 * page begins with a record that is known and has kept its place, because everything behind that record is in this page
 * or in later ones. A known record somewhere in the middle is no proof by itself: it may have been moved there by an
 * edit. */
#ifndef FU_SEAM_H
#define FU_SEAM_H

#include "seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A page as fingerprints of its ids, in order. */
struct fu_seam_page {
    const uint64_t *prints;
    size_t count;
    int64_t offset; /* records that it skipped when it was asked for */
    bool full;      /* it has as many as were asked for */
};

enum fu_seam {
    FU_SEAM_JOINS,  /* it follows */
    FU_SEAM_BEHIND, /* it holds nothing new and does not reach the end of the one before */
    FU_SEAM_GAP     /* records may stand between the two */
};

/* Compares `page` with the one accepted before it. `overlap`: how many records of that one it was asked to repeat on
 * purpose (1: the seam alone). `whole`: that was all of them, there is no asking for more. `seen`: every record
 * accepted so far.
 * `*moved` becomes whether rows moved between the two, `*shift` by how many places the page stands further on than it
 * would have (negative: rows went; 0 also where it cannot be said). */
enum fu_seam fu_seam_check(const struct fu_seam_page *before, const struct fu_seam_page *page, size_t overlap,
                           bool whole, const struct fu_seen *seen, bool *moved, int64_t *shift);

#endif

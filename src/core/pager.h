/* pager.h: a list of any length, read ahead page by page, handed out in order, nothing missed and nothing twice.
 *
 * Owns: the plan of the pages, the chain of those that join, what was handed out. Must not know: how a call works, Lua.
 *
 * Pages are asked for side by side and accepted in their order. Neighbours overlap by one record, the seam (seam.h).
 * Where a page does not join, a filler with a wider overlap is read before it: 2, 4, 8 ... records, at most a whole
 * page. */
#ifndef FU_PAGER_H
#define FU_PAGER_H

#include "call.h"
#include "client.h"
#include "fusioo.h"
#include "seam.h"
#include "seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records of one page at most. */
#define FU_PAGE_MOST 200

struct fu_page {
    struct fu_page *next;
    struct fusioo_pager *pager;
    struct fusioo_call *call; /* NULL: not asked for yet */
    int64_t offset;           /* records to skip */
    int limit;
    uint64_t sent;  /* number of the request among the pager's: the later one knows more */
    int64_t slip;   /* the pager's, when it was sent */
    size_t overlap; /* records of the page before that it repeats on purpose */
    bool whole;     /* the overlap cannot be widened */
    bool filler;    /* read because the page behind it did not join */
    bool kept;      /* did not join once, and waits behind its filler */
    bool done;      /* its call has ended */
};

enum fu_pager_state { FU_PAGER_RUNNING, FU_PAGER_ENDED, FU_PAGER_FAILED };

/* What is known of the count. */
enum fu_count_state { FU_COUNT_UNKNOWN, FU_COUNT_ASKED, FU_COUNT_KNOWN, FU_COUNT_NONE };

struct fusioo_pager {
    struct fusioo_client *client;
    uint64_t id;
    enum fu_pager_state state;
    fusioo_error error;

    /* What to read. */
    fusioo_method method;
    struct fu_buffer app; /* the id; empty: none */
    char *filter, *sort_by, *order;
    size_t filter_size;
    int64_t start; /* records to skip before the first */
    int64_t limit; /* to hand out; negative: all */
    int page_size;
    int seam; /* 1: neighbours overlap; 0: they do not */
    size_t concurrency;

    /* The plan. */
    struct fu_page *asked; /* in the order of the list, the next to accept first */
    size_t flying;         /* calls under way, the count's among them */
    size_t waiting_pages;  /* pages asked for or accepted and not yet begun to hand out */
    bool one_more;         /* ask for one page whatever the horizon says */
    bool expecting;        /* the horizon is the user's guess */
    int64_t horizon;       /* pages before this record are asked for; negative: not known */
    enum fu_count_state count_state;
    struct fusioo_call *count_call;
    int64_t count;   /* records that there were, from 0 */
    bool confirmed;  /* a page was accepted since the count was asked for: it would have shown moves before it */
    bool want_total; /* ask for the count also where it is of no use to the plan */
    bool moved;      /* rows moved since the start */

    /* The chain of accepted pages. */
    uint64_t tail[FU_PAGE_MOST]; /* the last one's ids as fingerprints */
    size_t tail_count;
    int64_t tail_offset;
    uint64_t prints[FU_PAGE_MOST]; /* those of the page that is looked at */
    uint64_t sent;                 /* pages asked for so far */
    uint64_t newest;               /* number of the accepted page that was asked for last: tail_offset is as of then */
    int64_t slip;        /* places that rows moved to the front since the start, as far as was seen: 0 or less */
    bool any;            /* is there an accepted page? */
    unsigned idle_pages; /* accepted in a row that moved and brought nothing */
    struct fu_seen seen;
    int64_t accepted; /* new records so far */

    /* Handing out. */
    struct fu_page *ready, **ready_end; /* accepted */
    struct fu_page *current;
    size_t place; /* in the current page */
    size_t left;  /* new ones that it still has */
    int64_t done; /* handed out */
    struct fu_need need;
    bool watched;
};

#endif

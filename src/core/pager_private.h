/* pager_private.h: what pager.c (asking, accepting) and pager_api.c (starting, handing out) share. Nothing else
 * includes this. */
#ifndef FU_PAGER_PRIVATE_H
#define FU_PAGER_PRIVATE_H

#include "pager.h"

/* Frees a page and its call; NULL is fine. */
void fu_page_free(struct fu_page *page);

/* Ends all calls of the pager. */
void fu_pager_stop(struct fusioo_pager *pager);

/* Ends the pager with `error` once what was accepted is handed out; adds where to resume. */
void fu_pager_fail(struct fusioo_pager *pager, const fusioo_error *error);

/* Asks for as many pages as the plan and the concurrency allow. */
void fu_pager_ask(struct fusioo_pager *pager);

/* Posts the need of a watched pager that has something to say. */
void fu_pager_notify(struct fusioo_pager *pager);

/* Records in all, as far as is known; negative: not known. */
int64_t fu_pager_total(const struct fusioo_pager *pager);

#endif

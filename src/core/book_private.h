/* book_private.h: what book.c and book_read.c share. Nothing else includes this. */
#ifndef FU_BOOK_PRIVATE_H
#define FU_BOOK_PRIVATE_H

#include "book.h"

/* Makes room for `places` entries, the new ones free. False: no memory; nothing was changed. */
bool fu_book_reserve(struct fu_book *book, uint32_t places);

/* Marks the entry at `place`, to be written. */
void fu_book_mark(struct fu_book *book, uint32_t place);

/* Marks all of it. */
void fu_book_mark_all(struct fu_book *book);

/* A place that nothing stands in any more, cleared and marked, with this process's name on it. NULL: there is none. */
struct fu_book_entry *fu_book_take(struct fu_book *book, double now);

/* When the service has counted a call at the latest that began at `began` and whose end nobody saw. */
double fu_book_latest(double began, double now);

#endif

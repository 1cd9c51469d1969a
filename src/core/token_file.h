/* token_file.h: the file in which a token is kept.
 *
 * Owns: who may see it, and that it is there whole or not at all. Must not know: what a token looks like. */
#ifndef FU_TOKEN_FILE_H
#define FU_TOKEN_FILE_H

#include "buffer.h"
#include "fusioo.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the file's text to `text`, which should be a secret buffer; nothing where there is no file. False:
 * FUSIOO_INVALID (others than its owner can read or write it, it is another user's, no regular file, too large, cannot
 * be read: the error says what to do) or FUSIOO_MEMORY. */
bool fu_token_file_read(const char *path, struct fu_buffer *text, fusioo_error *error);

/* Puts a file with these bytes, for its owner alone (0600), under `path`, on the disk and in one piece; folders that
 * are missing are made for the user alone (0700). Whatever ends the process meanwhile, the old file is there or the new
 * one. False: FUSIOO_INVALID or FUSIOO_MEMORY; the old file stays. */
bool fu_token_file_write(const char *path, const char *bytes, size_t size, fusioo_error *error);

/* Gives `*place` (the caller frees it with fu_free) the absolute path of `path`, which is taken from the folder that
 * the process is in now: it may go to another one. False: FUSIOO_INVALID or FUSIOO_MEMORY. */
bool fu_token_file_place(const char *path, char **place, fusioo_error *error);

/* Makes the folders of `path` that are missing, for the user alone (0700). False: FUSIOO_INVALID or FUSIOO_MEMORY. */
bool fu_token_file_prepare(const char *path, fusioo_error *error);

/* The same as fu_token_file_write in two steps, for a token that is worth nothing if it cannot be kept: this takes the
 * room for it beside `path`, before it is asked for. NULL: as fu_token_file_write. fusioo_file_discard gives it up. */
fusioo_file *fu_token_file_begin(const char *path, fusioo_error *error);

/* And this puts it there. `file` is gone afterwards. False: as fu_token_file_write. */
bool fu_token_file_end(fusioo_file *file, const char *bytes, size_t size, fusioo_error *error);

#endif

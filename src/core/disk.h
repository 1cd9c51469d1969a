/* disk.h: files that appear whole or not at all and that hold a secret (the others: fusioo_file in fusioo.h).
 *
 * Owns: the way to make one. Must not know: where its bytes come from. */
#ifndef FU_DISK_H
#define FU_DISK_H

#include "fusioo.h"

/* What the names of such files look like while they are beside the final one, as a pattern of fnmatch: a process that
 * is killed leaves one behind. */
#define FU_SECRET_PATTERN ".fusioo.part-[0-9a-f]*.secret"

/* As fusioo_file_create, but nobody else can read the file beside or, whatever stood under `path` before, the final
 * one; and where `path` is a symbolic link, the file to which it leads is replaced: all who know that by another name
 * get the new one. */
fusioo_file *fu_file_create_secret(const char *path, fusioo_error *error);

/* Where it will stand; lives as long as the file. */
const char *fu_file_path(const fusioo_file *file);

/* Takes room for `size` bytes on the disk, so that writing them cannot fail for want of it; what is not written goes
 * when the file is put under its name. To be called before anything is written. False: FUSIOO_INVALID, there is no such
 * room. */
bool fu_file_reserve(fusioo_file *file, size_t size, fusioo_error *error);

#endif

/* state.h: the folder in which this library keeps what outlives a process.
 *
 * Owns: where it is. Must not know: what is kept there. */
#ifndef FU_STATE_H
#define FU_STATE_H

#include "fusioo.h"

#include <stdbool.h>

/* Gives `*path` (the caller frees it with fu_free) the address of the file `name` in the user's state folder:
 * $XDG_STATE_HOME/fusioo, else ~/.local/state/fusioo. The folder is made, for the user alone. False: FUSIOO_INVALID
 * (why there is none) or FUSIOO_MEMORY. */
bool fu_state_path(const char *name, char **path, fusioo_error *error);

/* Makes the folder `path` and those above it that are missing, for the user alone. `path` is changed meanwhile, and the
 * same at the end unless it fails. False: FUSIOO_INVALID. */
bool fu_state_make_folders(char *path, fusioo_error *error);

/* Removes the user's own files beside `path` whose names match `pattern` (of fnmatch) and that nobody has written to
 * for `age` seconds, or has locked. What cannot be removed stays. */
void fu_state_tidy(const char *path, const char *pattern, double age);

#endif

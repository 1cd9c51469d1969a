/* fusioo_files.h: files that go up and come down, from C. Part of fusioo.h, which includes it.
 *
 * Their bytes flow, a chunk at a time, and are never kept whole. The rules of fusioo.h hold here, too. */
#ifndef FUSIOO_FILES_H
#define FUSIOO_FILES_H

#ifndef FUSIOO_H
#error "include fusioo.h"
#endif

/* A file to send. */
typedef struct fusioo_source {
    const char *name; /* UTF-8 */
    size_t name_size;
    int64_t size;    /* bytes, known beforehand */
    bool rewindable; /* can it be given again from its beginning, after a 429 or a 401? */
} fusioo_source;

/* Starts FUSIOO_CREATE_FILE. The owner watches it and gives chunks when it wants them. NULL as fusioo_call_start. The
 * caller frees it. */
fusioo_call *fusioo_call_upload(fusioo_client *client, const fusioo_source *source, fusioo_error *error);

/* Does the call want a chunk now? `offset` becomes the place of its first byte in the file; 0 after a repeat. */
bool fusioo_call_wants(const fusioo_call *call, int64_t *offset);

/* Gives it one, of any size; copied. False: FUSIOO_INVALID (more than the file's size) or FUSIOO_MEMORY. */
bool fusioo_call_give(fusioo_call *call, const char *bytes, size_t size, fusioo_error *error);

/* Ends the call with FUSIOO_INVALID, since its file or sink failed: `why` says how. No errors. */
void fusioo_call_give_up(fusioo_call *call, const char *why);

/* Starts FUSIOO_DOWNLOAD_FILE. `rewindable`: the owner can forget what it took and begin again. A broken connection is
 * gone on from where it stopped, if the service knows how. NULL as fusioo_call_start. The caller frees it. */
fusioo_call *fusioo_call_download(fusioo_client *client, const char *id, size_t id_size, bool rewindable,
                                  fusioo_error *error);

/* What fusioo_call_take found. */
typedef enum fusioo_chunk {
    FUSIOO_CHUNK_BYTES,   /* the next ones; they live until the next question */
    FUSIOO_CHUNK_WAIT,    /* nothing yet */
    FUSIOO_CHUNK_RESTART, /* forget what came: the file begins again */
    FUSIOO_CHUNK_END,     /* that was all of it */
    FUSIOO_CHUNK_FAILED   /* `error` says why */
} fusioo_chunk;

/* Takes what came of a file. Never blocks. */
fusioo_chunk fusioo_call_take(fusioo_call *call, const char **bytes, size_t *size, fusioo_error *error);

/* Bytes of the file that were given or taken, and how many it has (-1: not known). Cannot fail. */
void fusioo_call_progress(const fusioo_call *call, int64_t *done, int64_t *total);

/* A file on disk that appears under its name when it is whole, and not before. */
typedef struct fusioo_file fusioo_file;

/* Makes one that will be `path`; until then it stands beside it. NULL: FUSIOO_INVALID (why it cannot be written) or
 * FUSIOO_MEMORY. */
fusioo_file *fusioo_file_create(const char *path, fusioo_error *error);

/* Writes. False: FUSIOO_INVALID, the disk is full, say. */
bool fusioo_file_write(fusioo_file *file, const char *bytes, size_t size, fusioo_error *error);

/* Forgets what was written. False: FUSIOO_INVALID. */
bool fusioo_file_restart(fusioo_file *file, fusioo_error *error);

/* Puts it, safe from a crash, under its name in place of what was there, and gives it up. False: FUSIOO_INVALID, and
 * nothing was replaced. */
bool fusioo_file_commit(fusioo_file *file, fusioo_error *error);

/* Gives it up; nothing of it remains. No errors; NULL is fine. */
void fusioo_file_discard(fusioo_file *file);

#endif

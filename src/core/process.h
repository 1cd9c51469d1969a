/* process.h: who a process is, so that another one can tell whether it still lives.
 *
 * Owns: nothing. Must not know: what processes share. */
#ifndef FU_PROCESS_H
#define FU_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

enum { FU_BOOT_SIZE = 16 };

/* A process number is given out again; with the time of its birth it is one process's own. */
struct fu_process {
    uint32_t pid;
    uint32_t born; /* 0: the system does not tell */
};

/* This process. Cannot fail. */
struct fu_process fu_process_self(void);

/* Does it live? One that was killed and that its parent has not looked after yet does not. A process of another user
 * counts, one of another container may not be seen. */
bool fu_process_lives(struct fu_process process);

/* Fills in what names the time since the machine was started; zeros where the system has no such name. */
void fu_process_boot(unsigned char boot[FU_BOOT_SIZE]);

#endif

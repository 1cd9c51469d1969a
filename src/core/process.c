/* process.c: who a process is (see process.h). Owns: nothing. Must not know: what processes share. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a small file whole; empty where it cannot be read. */
static void read_text(const char *path, char *text, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, room - 1) : 0;
    text[size > 0 ? size : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

/* Linux tells state and birth, in ticks since the machine was started, behind the process's name, which may hold
 * anything: proc(5), field 3 and field 22. */
static uint32_t birth_of(uint32_t pid, char *state) {
    char path[40];
    char text[1024];
    *state = '?';
    snprintf(path, sizeof path, "/proc/%lu/stat", (unsigned long)pid);
    read_text(path, text, sizeof text);
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ') {
        return 0;
    }
    at += 2;
    *state = *at;
    for (int field = 3; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? (uint32_t)strtoull(at, NULL, 10) : 0;
}

struct fu_process fu_process_self(void) {
    char state;
    uint32_t pid = (uint32_t)getpid();
    return (struct fu_process){pid, birth_of(pid, &state)};
}

bool fu_process_lives(struct fu_process process) {
    char state;
    if (process.pid == 0 || process.pid > INT32_MAX) {
        return false;
    }
    if (kill((pid_t)process.pid, 0) != 0 && errno == ESRCH) {
        return false;
    }
    uint32_t born = birth_of(process.pid, &state);
    return state != 'Z' && state != 'X' && (born == 0 || process.born == 0 || born == process.born);
}

static int digit_of(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void fu_process_boot(unsigned char boot[FU_BOOT_SIZE]) {
    char text[64];
    size_t digits = 0;
    memset(boot, 0, FU_BOOT_SIZE);
    read_text("/proc/sys/kernel/random/boot_id", text, sizeof text);
    for (const char *at = text; *at != '\0' && digits < FU_BOOT_SIZE * 2UL; at++) {
        int digit = digit_of(*at);
        if (digit >= 0) {
            boot[digits / 2] = (unsigned char)(boot[digits / 2] << 4 | digit);
            digits++;
        }
    }
}

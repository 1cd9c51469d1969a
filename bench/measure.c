/* measure.c: runs one program and says what it used.
 *
 *     measure FILE COMMAND [ARGUMENT...]
 *
 * Owns: the taking of times and memory from outside, the same way for every peer. Writes to FILE one line: exit status,
 * wall seconds, user seconds, system seconds, peak memory (RSS) in KB. Must not know: what it runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    struct rusage used;
    int status = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: measure FILE COMMAND [ARGUMENT...]\n");
        return 2;
    }
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            return 2;
        }
    }
    double wall = now() - start;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL) {
        perror(argv[1]);
        return 2;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(file, "%d %.6f %.6f %.6f %ld\n", code, wall, seconds(used.ru_utime), seconds(used.ru_stime),
            used.ru_maxrss);
    return fclose(file) == 0 ? code : 2;
}

/* reaper.c: runs one test program and leaves no process of it behind.
 *
 *     reaper SECONDS COMMAND [ARGUMENT...]
 *
 * Owns: the program's life and that of all its descendants, daemons included (they are handed to the reaper when their
 * parent ends: Linux's "child subreaper"). Ends with the program's exit status, 128 + signal where a signal ended it,
 * 124 after SECONDS. What is still alive then is killed and named on stderr. Must not know: what is tested. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { EXIT_TIMEOUT = 124, EXIT_NOT_RUN = 127, EXIT_SIGNAL = 128 };

static volatile sig_atomic_t caught;

static void note_signal(int number) {
    caught = number;
}

static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal; /* no SA_RESTART: waitpid must return */
    const int signals[] = {SIGALRM, SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

static void adopt_orphans(void) {
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0L, 0L, 0L);
#endif
}

/* The parent of process `pid` as /proc tells it, or -1; `name` becomes its command's name. */
static long parent_of(const char *pid, char *name, size_t size) {
    char path[64];
    if (snprintf(path, sizeof path, "/proc/%s/stat", pid) >= (int)sizeof path) {
        return -1;
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    char line[512];
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *open = strchr(line, '(');
    char *close = strrchr(line, ')'); /* the name itself may hold brackets */
    if (open == NULL || close == NULL || strlen(close) < 5) {
        return -1;
    }
    *close = '\0';
    snprintf(name, size, "%s", open + 1);
    return strtol(close + 4, NULL, 10); /* ") S 123" */
}

/* Kills the children there are now, and buries them. False: none was found. */
static bool kill_children(bool tell) {
    DIR *folder = opendir("/proc");
    if (folder == NULL) {
        return false;
    }
    bool found = false;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[64];
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
            parent_of(entry->d_name, name, sizeof name) != (long)getpid()) {
            continue;
        }
        pid_t child = (pid_t)strtol(entry->d_name, NULL, 10);
        if (kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child) {
            found = true;
            if (tell) {
                fprintf(stderr, "reaper: left behind and killed: %s (%s)\n", name, entry->d_name);
            }
        }
    }
    closedir(folder);
    return found;
}

/* Children that have ended already are no news; each round may bring new orphans. */
static void clean_up(bool tell) {
    do {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    } while (kill_children(tell));
}

static int wait_for(pid_t program) {
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended == program) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
        }
        if (ended < 0 && errno == EINTR && caught != 0) {
            return caught == SIGALRM ? EXIT_TIMEOUT : EXIT_SIGNAL + caught;
        }
        if (ended < 0 && errno != EINTR) {
            return EXIT_NOT_RUN;
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: reaper SECONDS COMMAND [ARGUMENT...]\n");
        return EXIT_NOT_RUN;
    }
    catch_signals();
    adopt_orphans();
    pid_t program = fork();
    if (program == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "reaper: %s: %s\n", argv[2], strerror(errno));
        _exit(EXIT_NOT_RUN);
    }
    if (program < 0) {
        perror("reaper: fork");
        return EXIT_NOT_RUN;
    }
    alarm((unsigned)strtoul(argv[1], NULL, 10));
    int status = wait_for(program);
    alarm(0);
    if (caught != 0) {
        kill(program, SIGKILL);
    }
    clean_up(status < EXIT_TIMEOUT);
    return status;
}

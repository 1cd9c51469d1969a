/* names.c: a library that is preloaded into a program of the specs and answers its look-ups of names by rules.
 *
 * Owns: getaddrinfo. Must not know: the library under test. No resolver is ever asked: a name without a rule does not
 * exist.
 *
 * NAMES holds the rules, HOST=STEP,STEP... with a space between two of them. Each look-up of the host takes the next
 * step, the last one serves all that follow. A step is `none` (EAI_NONAME), `again` (EAI_AGAIN) or an address;
 * `SECONDS/` before it: after so many seconds. NAMES_LOG names a file that is told "begin HOST" and "end HOST". */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *what, const char *host) {
    const char *path = getenv("NAMES_LOG");
    char line[300];
    int size = snprintf(line, sizeof line, "%s %.200s\n", what, host);
    int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        return;
    }
    if (write(fd, line, (size_t)size) != size) {
        abort(); /* the spec would read a log with a hole */
    }
    close(fd);
}

/* The first step of the rule for `host`, to be changed by who takes steps; NULL: there is no rule. */
static char *find_rule(char *rules, const char *host) {
    size_t size = strlen(host);
    for (char *rule = rules; rule != NULL && *rule != '\0'; rule = strchr(rule, ' ')) {
        rule += strspn(rule, " ");
        if (strncmp(rule, host, size) == 0 && rule[size] == '=') {
            return rule + size + 1;
        }
    }
    return NULL;
}

/* Copies the next step for `host` to `step` and crosses it out, unless it is the last one. */
static void take_step(const char *host, char *step, size_t room) {
    static char rules[1000];
    pthread_mutex_lock(&lock);
    if (rules[0] == '\0') {
        const char *given = getenv("NAMES");
        snprintf(rules, sizeof rules, "%s", given != NULL ? given : " ");
    }
    char *rule = find_rule(rules, host);
    if (rule == NULL) {
        snprintf(step, room, "none");
    } else {
        size_t size = strcspn(rule, ", ");
        snprintf(step, room, "%.*s", (int)size, rule);
        if (rule[size] == ',') {
            memmove(rule, rule + size + 1, strlen(rule + size + 1) + 1);
        }
    }
    pthread_mutex_unlock(&lock);
}

static int follow(const char *step, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    const char *answer = strchr(step, '/');
    if (answer != NULL) {
        double seconds = strtod(step, NULL);
        struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
        nanosleep(&wait, NULL);
    }
    answer = answer != NULL ? answer + 1 : step;
    if (strcmp(answer, "none") == 0) {
        return EAI_NONAME;
    }
    if (strcmp(answer, "again") == 0) {
        return EAI_AGAIN;
    }
    struct addrinfo numeric = {.ai_family = AF_UNSPEC};
    if (hints != NULL) {
        numeric = *hints;
    }
    numeric.ai_flags |= AI_NUMERICHOST;
    look_up *next;
    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(answer, service, &numeric, result);
}

/* What the program calls, with the header's names for its arguments. An address, or no host at all, needs no rule. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai) {
    char step[100];
    if (name == NULL || name[strspn(name, "0123456789.")] == '\0' || strchr(name, ':') != NULL) {
        return follow(name != NULL ? name : "127.0.0.1", service, req, pai);
    }
    note("begin", name);
    take_step(name, step, sizeof step);
    int status = follow(step, service, req, pai);
    note("end", name);
    return status;
}

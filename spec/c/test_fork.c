/* test_fork.c: a process that forks while the engine works: parent and child each go on, over sockets of their own.
 * Owns: a small server in a process of its own, which counts what it sees in memory that all share. Must not know: how
 * the engine does it. */
#include "fusioo.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS = 1000, PAGE = 50, BEFORE_FORK = 120, MOST_CONNECTIONS = 64, MOST_SECONDS = 60, ROOM = 4096 };

/* ---- The server ---- */

/* What the server has seen; in memory that all processes share. */
struct seen {
    atomic_int connections, requests, held;
};

struct connection {
    int fd;
    bool held;
    size_t size;
    char bytes[ROOM];
};

struct server {
    struct seen *seen;
    pid_t process;
    int release; /* a byte written here lets the answers go that are held, and all later ones */
    char url[64];
};

struct listener {
    struct seen *seen;
    int fd, release;
    bool released;
    struct connection connections[MOST_CONNECTIONS];
};

static long parameter(const char *request, const char *name, long otherwise) {
    const char *at = strstr(request, name);
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static void print_page(FILE *body, const char *request) {
    long offset = parameter(request, "offset=", 0);
    long limit = parameter(request, "limit=", 200);
    fputc('[', body);
    for (long i = offset; i < offset + limit && i < RECORDS; i++) {
        fprintf(body, "%s{\"id\":\"r%ld\"}", i > offset ? "," : "", i);
    }
    fputc(']', body);
}

static void answer(struct connection *connection) {
    char *text = NULL;
    size_t size = 0;
    FILE *body = open_memstream(&text, &size);
    fputs("{\"code\":10000,\"message\":\"Success\",\"data\":", body);
    if (strstr(connection->bytes, "/count") != NULL) {
        fprintf(body, "{\"count\":%d}", RECORDS);
    } else if (strstr(connection->bytes, "/records/apps/") != NULL) {
        print_page(body, connection->bytes);
    } else {
        fputs("{}", body);
    }
    fputc('}', body);
    fclose(body);
    char head[128];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    send(connection->fd, head, (size_t)length, MSG_NOSIGNAL);
    send(connection->fd, text, size, MSG_NOSIGNAL);
    free(text);
    connection->size = 0;
    connection->held = false;
}

static bool is_whole(const struct connection *connection) {
    const char *head_end = strstr(connection->bytes, "\r\n\r\n");
    if (head_end == NULL) {
        return false;
    }
    size_t body = (size_t)parameter(connection->bytes, "Content-Length: ", 0);
    return (size_t)(head_end + 4 - connection->bytes) + body <= connection->size;
}

static void hear(struct listener *listener, struct connection *connection) {
    ssize_t got = read(connection->fd, connection->bytes + connection->size, ROOM - 1 - connection->size);
    if (got <= 0) {
        close(connection->fd);
        connection->fd = -1;
        return;
    }
    connection->size += (size_t)got;
    connection->bytes[connection->size] = '\0';
    if (!is_whole(connection)) {
        return;
    }
    atomic_fetch_add(&listener->seen->requests, 1);
    if (strstr(connection->bytes, "/hold") != NULL && !listener->released) {
        connection->held = true;
        atomic_fetch_add(&listener->seen->held, 1);
    } else {
        answer(connection);
    }
}

static void admit(struct listener *listener) {
    int fd = accept(listener->fd, NULL, NULL);
    for (int i = 0; i < MOST_CONNECTIONS && fd >= 0; i++) {
        struct connection *connection = &listener->connections[i];
        if (connection->fd < 0) {
            *connection = (struct connection){.fd = fd};
            atomic_fetch_add(&listener->seen->connections, 1);
            return;
        }
    }
    close(fd);
}

static void release(struct listener *listener) {
    listener->released = true;
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        if (listener->connections[i].held) {
            answer(&listener->connections[i]);
        }
    }
}

static void serve_once(struct listener *listener) {
    struct pollfd polled[MOST_CONNECTIONS + 2];
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        polled[i] = (struct pollfd){.fd = listener->connections[i].fd, .events = POLLIN};
    }
    polled[MOST_CONNECTIONS] = (struct pollfd){.fd = listener->fd, .events = POLLIN};
    polled[MOST_CONNECTIONS + 1] = (struct pollfd){.fd = listener->released ? -1 : listener->release, .events = POLLIN};
    poll(polled, MOST_CONNECTIONS + 2, -1);
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        if (polled[i].revents != 0) {
            hear(listener, &listener->connections[i]);
        }
    }
    if (polled[MOST_CONNECTIONS].revents != 0) {
        admit(listener);
    }
    if (polled[MOST_CONNECTIONS + 1].revents != 0) {
        release(listener);
    }
}

static void serve(struct seen *seen, int fd, int release_fd) {
    static struct listener listener;
    alarm(MOST_SECONDS); /* whatever happens to the test */
    listener = (struct listener){.seen = seen, .fd = fd, .release = release_fd};
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        listener.connections[i].fd = -1;
    }
    for (;;) {
        serve_once(&listener);
    }
}

static int start_server(void **state) {
    static struct server one;
    struct server *server = &one;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int pipes[2];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    void *memory = mmap(NULL, sizeof *server->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || fd < 0 || pipe(pipes) != 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, MOST_CONNECTIONS) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    server->seen = memory;
    server->release = pipes[1];
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    server->process = fork();
    if (server->process == 0) {
        close(pipes[1]);
        serve(server->seen, fd, pipes[0]);
    }
    close(fd);
    close(pipes[0]);
    *state = server;
    return 0;
}

static int stop_server(void **state) {
    struct server *server = *state;
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
    close(server->release);
    munmap(server->seen, sizeof *server->seen);
    return 0;
}

/* ---- What parent and child do ---- */

/* In a child no assertion may run on into the other tests: a line that does not hold ends it. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "test_fork.c:%d: in the child: %s\n", __LINE__, #condition);                               \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

struct work {
    fusioo_engine *engine;
    fusioo_client *client;
};

static struct work begin(const struct server *server) {
    struct work work;
    fusioo_options options;
    fusioo_error error;
    fusioo_options_init(&options);
    options.base_url = server->url;
    options.token = "secret";
    options.rate_calls = 100000;
    options.concurrency = 4;
    work.engine = fusioo_engine_new(&error);
    assert_non_null(work.engine);
    work.client = fusioo_client_new(work.engine, &options, &error);
    assert_non_null(work.client);
    return work;
}

static void end(struct work *work) {
    fusioo_client_free(work->client);
    fusioo_engine_free(work->engine);
}

static fusioo_call *hold(struct work *work, const char *method) {
    fusioo_request request = {.method = method, .path = "/hold", .body = "{}", .body_size = 2};
    if (strcmp(method, "GET") == 0) {
        request.body = NULL;
        request.body_size = 0;
    }
    return fusioo_call_request(work->client, &request, NULL);
}

/* Moves the engine until the server holds `count` requests. */
static void move_until_held(struct work *work, struct seen *seen, int count) {
    while (atomic_load(&seen->held) < count) {
        fusioo_engine_step(work->engine, -1);
        fusioo_engine_poll(work->engine, 0.01);
    }
}

static bool is_good(const fusioo_call *call) {
    fusioo_result result;
    fusioo_error error;
    bool good = fusioo_call_result(call, &result, &error);
    if (!good) {
        fprintf(stderr, "%s\n", error.message);
    }
    return good;
}

static bool ping(struct work *work) {
    fusioo_call *call = fusioo_call_start(work->client, FUSIOO_PING, NULL, 0, NULL, NULL);
    bool good = call != NULL && fusioo_call_wait(call) && is_good(call);
    fusioo_call_free(call);
    return good;
}

/* Reads on from record number `from` to `to`; false: one is missing, or out of order. */
static bool read_on(fusioo_pager *pager, int from, int to) {
    for (int i = from; i < to; i++) {
        fusioo_item item;
        fusioo_error error;
        char wanted[32];
        int size = snprintf(wanted, sizeof wanted, "{\"id\":\"r%d\"}", i);
        if (fusioo_pager_wait(pager, &item, &error) != FUSIOO_PAGER_ITEM || item.size != (size_t)size ||
            memcmp(item.text, wanted, item.size) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_at_end(fusioo_pager *pager) {
    fusioo_item item;
    return fusioo_pager_wait(pager, &item, NULL) == FUSIOO_PAGER_END;
}

/* Forks; the parent waits here until the child has ended well. Returns true in the child. */
static bool in_child(void) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(MOST_SECONDS);
        return true;
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* ---- The tests ---- */

/* Forks within a list that is read with `concurrency`. Returns how many connections the parent opened afterwards. */
static int read_twice(struct server *server, int concurrency) {
    struct work work = begin(server);
    fusioo_plan plan;
    fusioo_plan_init(&plan);
    plan.page_size = PAGE;
    plan.concurrency = concurrency;
    fusioo_pager *pager = fusioo_pager_start(work.client, FUSIOO_GET_RECORDS, "i1", 2, NULL, &plan, NULL);
    assert_non_null(pager);
    assert_true(read_on(pager, 0, BEFORE_FORK));
    int before = atomic_load(&server->seen->connections);
    if (in_child()) {
        CHECK(read_on(pager, BEFORE_FORK, RECORDS));
        CHECK(is_at_end(pager));
        CHECK(atomic_load(&server->seen->connections) > before);
        fusioo_pager_free(pager);
        end(&work);
        _exit(0);
    }
    int after = atomic_load(&server->seen->connections);
    assert_true(read_on(pager, BEFORE_FORK, RECORDS));
    assert_true(is_at_end(pager));
    fusioo_pager_free(pager);
    end(&work);
    return atomic_load(&server->seen->connections) - after;
}

static void both_read_the_whole_list(void **state) {
    read_twice(*state, 4);
}

static void the_parent_needs_no_new_connection(void **state) {
    assert_int_equal(read_twice(*state, 1), 0);
}

static void a_kept_connection_stays_the_parents(void **state) {
    struct server *server = *state;
    struct work work = begin(server);
    assert_true(ping(&work));
    assert_int_equal(atomic_load(&server->seen->connections), 1);
    if (in_child()) {
        CHECK(ping(&work));
        CHECK(ping(&work));
        CHECK(atomic_load(&server->seen->connections) == 2);
        end(&work);
        _exit(0);
    }
    assert_true(ping(&work));
    assert_int_equal(atomic_load(&server->seen->connections), 2);
    end(&work);
}

static void a_child_that_only_gives_up_disturbs_nothing(void **state) {
    struct server *server = *state;
    struct work work = begin(server);
    assert_true(ping(&work));
    fusioo_call *call = hold(&work, "GET");
    assert_non_null(call);
    move_until_held(&work, server->seen, 1);
    if (in_child()) {
        fusioo_call_free(call);
        end(&work);
        _exit(0);
    }
    assert_int_equal(write(server->release, "", 1), 1);
    assert_true(fusioo_call_wait(call));
    assert_true(is_good(call));
    assert_int_equal(atomic_load(&server->seen->requests), 2);
    assert_int_equal(atomic_load(&server->seen->connections), 1);
    fusioo_call_free(call);
    end(&work);
}

static void a_read_under_way_is_repeated_in_the_child(void **state) {
    struct server *server = *state;
    struct work work = begin(server);
    fusioo_call *call = hold(&work, "GET");
    assert_non_null(call);
    move_until_held(&work, server->seen, 1);
    if (in_child()) {
        move_until_held(&work, server->seen, 2);
        CHECK(write(server->release, "", 1) == 1);
        CHECK(fusioo_call_wait(call));
        CHECK(is_good(call));
        fusioo_call_free(call);
        end(&work);
        _exit(0);
    }
    assert_true(fusioo_call_wait(call));
    assert_true(is_good(call));
    assert_int_equal(atomic_load(&server->seen->requests), 2);
    fusioo_call_free(call);
    end(&work);
}

static void a_post_under_way_is_in_doubt_in_the_child(void **state) {
    struct server *server = *state;
    struct work work = begin(server);
    fusioo_call *call = hold(&work, "POST");
    assert_non_null(call);
    move_until_held(&work, server->seen, 1);
    if (in_child()) {
        fusioo_error error;
        fusioo_result result;
        CHECK(fusioo_call_wait(call));
        CHECK(!fusioo_call_result(call, &result, &error));
        CHECK(error.kind == FUSIOO_NETWORK);
        CHECK(error.maybe_done);
        CHECK(error.attempts == 1);
        CHECK(ping(&work));
        fusioo_call_free(call);
        end(&work);
        _exit(0);
    }
    assert_int_equal(write(server->release, "", 1), 1);
    assert_true(fusioo_call_wait(call));
    assert_true(is_good(call));
    assert_int_equal(atomic_load(&server->seen->held), 1);
    assert_int_equal(atomic_load(&server->seen->requests), 2); /* the POST, and the child's ping */
    fusioo_call_free(call);
    end(&work);
}

static void a_call_not_yet_sent_goes_out_from_both(void **state) {
    struct server *server = *state;
    struct work work = begin(server);
    fusioo_request request = {.method = "POST", .path = "/anything", .body = "{}", .body_size = 2};
    fusioo_call *call = fusioo_call_request(work.client, &request, NULL);
    assert_non_null(call);
    if (in_child()) {
        CHECK(fusioo_call_wait(call));
        CHECK(is_good(call));
        fusioo_call_free(call);
        end(&work);
        _exit(0);
    }
    assert_true(fusioo_call_wait(call));
    assert_true(is_good(call));
    assert_int_equal(atomic_load(&server->seen->requests), 2);
    fusioo_call_free(call);
    end(&work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_read_the_whole_list, start_server, stop_server),
        cmocka_unit_test_setup_teardown(the_parent_needs_no_new_connection, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_kept_connection_stays_the_parents, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_child_that_only_gives_up_disturbs_nothing, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_read_under_way_is_repeated_in_the_child, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_post_under_way_is_in_doubt_in_the_child, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_call_not_yet_sent_goes_out_from_both, start_server, stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

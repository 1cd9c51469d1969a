/* small_server.h: a service in a process of its own, for tests that need a real connection: a list of records, a few
 * writes, a file, tokens. It counts what it creates in memory that the test shares. Must not know: the library under
 * test.
 *
 * One thread serves all connections in the order in which they came, and takes all that is there of each. So who asks
 * it something over a new connection knows from the answer that it has seen whatever was sent before. */
#ifndef FU_SMALL_SERVER_H
#define FU_SMALL_SERVER_H

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SERVER_RECORDS = 95,
    SERVER_FILE = 5000,
    SERVER_ROOM = 32 * 1024,
    SERVER_CONNECTIONS = 32,
    SERVER_SECONDS = 800
};

/* What no memory that was given back may hold. */
#define SERVER_SECRET "the-canary-sings"

struct server_counts {
    atomic_int created, uploaded, requests;
    atomic_int tokens;  /* that were given; only the latest pair of "at-N-" and "rt-N-" is good */
    atomic_int revoked; /* the access token with this number, and those before, are refused */
};

struct server_connection {
    int fd;
    size_t size;
    char bytes[SERVER_ROOM];
};

struct small_server {
    struct server_counts *counts;
    pid_t process;
    unsigned short port;
    char url[64];
};

/* ---- In the server's process ---- */

static struct server_counts *server_counts;
static struct server_connection server_connections[SERVER_CONNECTIONS];

static inline long server_number(const char *request, const char *name, long otherwise) {
    const char *at = strstr(request, name);
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static inline void server_print_page(FILE *body, const char *request) {
    long offset = server_number(request, "offset=", 0);
    long limit = server_number(request, "limit=", 200);
    fputc('[', body);
    for (long i = offset; i < offset + limit && i < SERVER_RECORDS; i++) {
        fprintf(body, "%s{\"id\":\"r%ld\",\"title\":\"with \\u00e4 in it\",\"items\":[1,2.5,null,{}]}",
                i > offset ? "," : "", i);
    }
    fputc(']', body);
}

/* The bytes of the one file that can be downloaded. */
static inline void server_fill_file(char *bytes) {
    for (int i = 0; i < SERVER_FILE; i++) {
        bytes[i] = (char)('a' + i % 26);
    }
}

/* Prints the answer's data; the method and path stand at the beginning of `request`. */
static inline void server_print_data(FILE *body, const char *request) {
    if (strstr(request, "/count") != NULL) {
        fprintf(body, "{\"count\":%d}", SERVER_RECORDS);
    } else if (strncmp(request, "POST ", 5) == 0 && strstr(request, "/filter") == NULL) {
        bool file = strstr(request, "/files ") != NULL;
        atomic_fetch_add(file ? &server_counts->uploaded : &server_counts->created, 1);
        fputs(file ? "{\"id\":\"f1\",\"size\":5000}" : "{\"id\":\"r1\",\"title\":\"A\"}", body);
    } else if (strstr(request, "/records/apps/") != NULL) {
        server_print_page(body, request);
    } else if (strncmp(request, "GET /v3/apps ", 13) == 0) {
        fputs("[{\"id\":\"i1\",\"name\":\"Projects\",\"fields\":[]}]", body);
    } else {
        fputs("{\"id\":\"r1\",\"title\":\"A\"}", body);
    }
}

/* A token request: a refresh token is good once. */
static inline void server_print_tokens(FILE *answer, const char *request) {
    char *body = NULL;
    size_t size = 0;
    int number = atomic_load(&server_counts->tokens);
    bool refresh = strstr(request, "grant_type=refresh_token") != NULL;
    bool good = !refresh || (number > 0 && server_number(request, "refresh_token=rt-", 0) == number);
    FILE *text = open_memstream(&body, &size);
    if (good) {
        number = atomic_fetch_add(&server_counts->tokens, 1) + 1;
        fprintf(text,
                "{\"access_token\":\"at-%d-" SERVER_SECRET "\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
                "\"refresh_token\":\"rt-%d-" SERVER_SECRET "\"}",
                number, number);
    } else {
        fputs("{\"error\":\"invalid_grant\",\"error_description\":\"it was used before\"}", text);
    }
    fclose(text);
    fprintf(answer, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            good ? "200 OK" : "400 Bad Request", size, body);
    free(body);
}

/* Does the request bring a token that was good and is so no more? */
static inline bool server_refuses(const char *request) {
    long number = server_number(request, "Bearer at-", 0);
    return number > 0 && number <= atomic_load(&server_counts->revoked);
}

static inline void server_say(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd polled = {.fd = fd, .events = POLLOUT};
            poll(&polled, 1, -1);
        } else if (sent < 0) {
            return;
        } else {
            bytes += sent;
            size -= (size_t)sent;
        }
    }
}

static inline void server_answer(int fd, const char *request) {
    char *text = NULL;
    size_t size = 0;
    char file[SERVER_FILE];
    FILE *answer = open_memstream(&text, &size);
    atomic_fetch_add(&server_counts->requests, 1);
    if (strncmp(request, "POST /oauth/token ", 18) == 0) {
        server_print_tokens(answer, request);
    } else if (server_refuses(request)) {
        fputs("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", answer);
    } else if (strstr(request, "/files/f1/download") != NULL) {
        fputs("HTTP/1.1 302 Found\r\nLocation: /kept/f1\r\nContent-Length: 0\r\n\r\n", answer);
    } else if (strstr(request, "/kept/f1") != NULL) {
        server_fill_file(file);
        fprintf(answer, "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: %d\r\n\r\n", SERVER_FILE);
        fwrite(file, 1, SERVER_FILE, answer);
    } else {
        char *data = NULL;
        size_t data_size = 0;
        FILE *body = open_memstream(&data, &data_size);
        bool absent = strstr(request, "/absent") != NULL;
        fprintf(body, "{\"code\":%d,\"message\":\"so it \\u00fe is\",\"data\":", absent ? 10002 : 10000);
        server_print_data(body, request);
        fputc('}', body);
        fclose(body);
        fprintf(answer, "HTTP/1.1 %s\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %zu\r\n\r\n%s",
                absent ? "404 Not Found" : "200 OK", data_size, data);
        free(data);
    }
    fclose(answer);
    server_say(fd, text, size);
    free(text);
}

/* The size of the request that the connection holds whole; 0: more is to come. */
static inline size_t server_request_size(const struct server_connection *connection) {
    const char *head_end = strstr(connection->bytes, "\r\n\r\n");
    if (head_end == NULL) {
        return 0;
    }
    size_t head = (size_t)(head_end + 4 - connection->bytes);
    size_t size = head + (size_t)server_number(connection->bytes, "Content-Length: ", 0);
    return size <= connection->size ? size : 0;
}

/* Takes what has come, all of it. */
static inline void server_hear(struct server_connection *connection) {
    for (;;) {
        ssize_t got = read(connection->fd, connection->bytes + connection->size, SERVER_ROOM - 1 - connection->size);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            close(connection->fd);
            connection->fd = -1;
            return;
        }
        connection->size += (size_t)got;
        connection->bytes[connection->size] = '\0';
        if (server_request_size(connection) > 0) {
            server_answer(connection->fd, connection->bytes);
            connection->size = 0; /* libcurl never sends a request before it has the answer to the last */
        }
    }
}

static inline void server_admit(int listener) {
    int fd = accept(listener, NULL, NULL);
    for (int i = 0; i < SERVER_CONNECTIONS && fd >= 0; i++) {
        if (server_connections[i].fd < 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            server_connections[i].fd = fd;
            server_connections[i].size = 0;
            return;
        }
    }
    close(fd);
}

/* Ends with the test, at the latest when that has closed the other end of `life`. */
static inline _Noreturn void server_serve(int listener, int life) {
    struct pollfd polled[SERVER_CONNECTIONS + 2];
    alarm(SERVER_SECONDS);
    for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        server_connections[i].fd = -1;
    }
    for (;;) {
        for (int i = 0; i < SERVER_CONNECTIONS; i++) {
            polled[i] = (struct pollfd){.fd = server_connections[i].fd, .events = POLLIN};
        }
        polled[SERVER_CONNECTIONS] = (struct pollfd){.fd = listener, .events = POLLIN};
        polled[SERVER_CONNECTIONS + 1] = (struct pollfd){.fd = life, .events = POLLIN};
        poll(polled, SERVER_CONNECTIONS + 2, -1);
        if (polled[SERVER_CONNECTIONS + 1].revents != 0) {
            _exit(0);
        }
        for (int i = 0; i < SERVER_CONNECTIONS; i++) {
            if (polled[i].revents != 0) {
                server_hear(&server_connections[i]);
            }
        }
        if (polled[SERVER_CONNECTIONS].revents != 0) {
            server_admit(listener);
        }
    }
}

/* ---- In the test's process ---- */

/* Starts it, before the test has any thread. The server lives as long as the test's process. */
static inline int server_start(struct small_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int life[2];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    void *memory = mmap(NULL, sizeof *server->counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || fd < 0 || pipe(life) != 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, SERVER_CONNECTIONS) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    server->counts = server_counts = memory;
    server->port = ntohs(address.sin_port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
    server->process = fork();
    if (server->process == 0) {
        close(life[1]);
        server_serve(fd, life[0]);
    }
    close(fd);
    close(life[0]);
    return server->process > 0 ? 0 : -1;
}

/* Ends it. */
static inline void server_stop(struct small_server *server) {
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
    munmap(server->counts, sizeof *server->counts);
}

/* Returns when the server has seen all that was sent to it. */
static inline void server_settle(const struct small_server *server) {
    static const char question[] = "GET /v3/ping HTTP/1.1\r\n\r\n";
    char answer[512];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(server->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, question, sizeof question - 1, MSG_NOSIGNAL), (long)sizeof question - 1);
    assert_true(read(fd, answer, sizeof answer) > 0);
    close(fd);
}

#endif

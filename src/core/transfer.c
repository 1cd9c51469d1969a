/* transfer.c: setting up one transfer, taking its bytes, saying how it ended (see transfer.h and http.h).
 * Owns: the words for libcurl's codes. Must not know: the Fusioo API, retries. */
#include "transfer.h"

#include "alloc.h"
#include "error.h"
#include "headers.h"
#include "sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* What an answer may have before its body, and behind it. */
enum { MOST_HEAD_LINES = 1000, MOST_HEAD_BYTES = 256 * 1024 };

/* ---- What libcurl calls ---- */

/* libcurl's names for what a flow says; `size`: what GO stands for. */
static size_t steer(struct fu_transfer *transfer, enum fu_flow flow, size_t size, size_t pause, size_t stop) {
    transfer->paused = flow == FU_FLOW_PAUSE;
    return flow == FU_FLOW_GO ? size : flow == FU_FLOW_PAUSE ? pause : stop;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *owner) {
    struct fu_transfer *transfer = owner;
    size *= count;
    transfer->last_byte = fu_clock_now(&transfer->http->clock);
    if (transfer->flow != NULL && transfer->flow->take != NULL) {
        enum fu_flow flow = transfer->flow->take(transfer->flow->owner, bytes, size);
        return steer(transfer, flow, size, CURL_WRITEFUNC_PAUSE, 0);
    }
    if (!transfer->sized) {
        /* The announced length is a hint alone: with compression it is another one. */
        curl_off_t length = -1;
        transfer->sized = true;
        curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length > 0 && (uint64_t)length <= transfer->max_body) {
            fu_buffer_reserve(transfer->body, (size_t)length);
        }
    }
    if (size > transfer->max_body - transfer->body->size) {
        transfer->too_large = true;
        return 0;
    }
    if (!fu_buffer_append(transfer->body, bytes, size)) {
        transfer->no_memory = true;
        return 0;
    }
    return size;
}

/* Is there one line too many, or a coding too many? What comes before an answer's body is bounded here: lines, bytes,
 * interim answers (each has two lines at least) and, behind a body in chunks, trailers. libcurl bounds a single line
 * (100 KB), and newer ones what lines hold together, too.
 *
 * What bounds a bomb: the transfer ends when more than max_body came out of the unpacking, so it costs that memory, and
 * the time to fill it (half a second for 64 MiB). Packed more than once it would cost hours of unpacking before a byte
 * comes out, so that is refused. A file that flows is asked for unpacked, and never unpacked here. */
static bool is_too_much(struct fu_transfer *transfer, const char *line, size_t size) {
    static const char name[] = "content-encoding:";
    transfer->head_lines++;
    transfer->head_bytes += size;
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer->codings = 0;
    } else if (size > sizeof name - 1 && strncasecmp(line, name, sizeof name - 1) == 0) {
        transfer->codings += memchr(line, ',', size) != NULL ? 2 : 1;
    }
    transfer->refusal = transfer->head_lines > MOST_HEAD_LINES || transfer->head_bytes > MOST_HEAD_BYTES
                            ? "the answer has too many header lines"
                        : transfer->codings > 1 ? "the answer is compressed more than once"
                                                : NULL;
    return transfer->refusal != NULL;
}

static size_t take_header(char *line, size_t size, size_t count, void *owner) {
    static const char name[] = "retry-after:";
    struct fu_transfer *transfer = owner;
    size *= count;
    transfer->last_byte = fu_clock_now(&transfer->http->clock);
    if (is_too_much(transfer, line, size)) {
        return 0;
    }
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer->retry_after = -1; /* an interim answer's headers are not the answer's */
    } else if (size > sizeof name - 1 && strncasecmp(line, name, sizeof name - 1) == 0) {
        transfer->retry_after =
            fu_retry_after_read(line + sizeof name - 1, size - sizeof name + 1, fu_clock_wall(&transfer->http->clock));
    }
    if (transfer->flow != NULL) {
        fu_head_read(transfer->flow->head, line, size);
    }
    return size;
}

/* Gives out a body that must not be sent twice. There is no way back for libcurl, so it reports error 65 where it would
 * otherwise send the request again over a new connection. */
static size_t give_body(char *target, size_t size, size_t count, void *owner) {
    struct fu_transfer *transfer = owner;
    if (transfer->flow != NULL) {
        size_t given = 0;
        enum fu_flow flow = transfer->flow->give(transfer->flow->owner, target, size * count, &given);
        transfer->last_byte = fu_clock_now(&transfer->http->clock);
        return steer(transfer, flow, given, CURL_READFUNC_PAUSE, CURL_READFUNC_ABORT);
    }
    size_t part = size * count < transfer->upload_left ? size * count : transfer->upload_left;
    transfer->last_byte = fu_clock_now(&transfer->http->clock);
    memcpy(target, transfer->upload, part);
    transfer->upload += part;
    transfer->upload_left -= part;
    return part;
}

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80 */
/* libcurl sends a request again by itself where a kept connection turns out to be dead. The service may count both. */
static int note_request(void *owner, char *remote, char *local, int remote_port, int local_port) {
    struct fu_transfer *transfer = owner;
    (void)remote;
    (void)local;
    if (fu_sockets_is_stale(transfer->http, local_port, remote_port)) {
        transfer->stale = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->requests++;
    return CURL_PREREQFUNC_OK;
}
#endif

static curl_socket_t open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    int type = address->socktype;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;
#endif
    int fd = socket(address->family, type, address->protocol);
    if (fd >= 0) {
        fu_sockets_add(owner, fd);
    }
    return fd;
}

static int close_socket(void *owner, curl_socket_t fd) {
    fu_sockets_remove(owner, fd);
    return close(fd);
}

void fu_transfer_note_socket(const struct fu_transfer *transfer) {
    long version = 0;
    long local_port = 0;
    long remote_port = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_PORT, &local_port);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &remote_port);
    if (version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) {
        fu_sockets_note_serial(transfer->http, (int)local_port, (int)remote_port);
    }
}

/* ---- Setting up ---- */

static bool add_header(struct fu_transfer *transfer, const char *line) {
    struct curl_slist *list = curl_slist_append(transfer->headers, line);
    if (list == NULL) {
        return false;
    }
    transfer->headers = list;
    return true;
}

static bool add_bearer(struct fu_transfer *transfer, const char *token) {
    struct fu_buffer line = {.secret = true};
    fu_buffer_puts(&line, "Authorization: Bearer ");
    fu_buffer_puts(&line, token);
    bool good = !line.failed && add_header(transfer, line.data);
    fu_buffer_free(&line);
    return good;
}

void fu_transfer_free_headers(struct fu_transfer *transfer) {
    for (struct curl_slist *header = transfer->headers; header != NULL; header = header->next) {
        fu_wipe(header->data, strlen(header->data));
    }
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
}

static bool add_text(struct fu_transfer *transfer, const char *name, const char *value) {
    struct fu_buffer line = FU_BUFFER_EMPTY;
    fu_buffer_puts(&line, name);
    fu_buffer_puts(&line, value);
    bool good = !line.failed && add_header(transfer, line.data);
    fu_buffer_free(&line);
    return good;
}

/* Headers of a body that flows. A large one waits for the service's word (Expect) before it is sent: that is libcurl's
 * own doing, and spares a body that is refused by its headers. */
static bool add_flow(struct fu_transfer *transfer, const struct fu_http_flow *flow) {
    char range[48];
    snprintf(range, sizeof range, "bytes=%lld-", (long long)flow->from);
    return (flow->give == NULL || add_text(transfer, "Content-Type: ", flow->content_type)) &&
           (flow->from == 0 || add_text(transfer, "Range: ", range)) &&
           (flow->from == 0 || flow->if_range == NULL || add_text(transfer, "If-Range: ", flow->if_range));
}

static bool set_headers(struct fu_transfer *transfer, const struct fu_http_request *request) {
    const struct fu_http_flow *flow = request->flow;
    bool takes = flow != NULL && flow->take != NULL;
    bool is_form = flow != NULL && flow->give != NULL;
    bool says_json = flow == NULL || (!is_form && strcmp(request->method, "GET") != 0);
    const char *type = request->content_type != NULL ? request->content_type : "application/json";
    return add_header(transfer, takes ? "Accept: */*" : "Accept: application/json") &&
           (!says_json || add_text(transfer, "Content-Type: ", type)) &&
           (flow != NULL ? add_flow(transfer, flow) : add_header(transfer, "Expect:")) &&
           add_header(transfer, "Cache-Control: no-cache") &&
           (request->bearer == NULL || add_bearer(transfer, request->bearer)) &&
           curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK;
}

static bool set_method(struct fu_transfer *transfer, const struct fu_http_request *request) {
    CURL *easy = transfer->easy;
    bool post = strcmp(request->method, "POST") == 0;
    bool flows = request->flow != NULL && request->flow->give != NULL;
    int64_t size = flows ? request->flow->give_size : (int64_t)request->body_size;
    if (!post && !flows && request->body == NULL) {
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
               (strcmp(request->method, "GET") == 0 ||
                curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK);
    }
    if (curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) != CURLE_OK ||
        (!post && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK)) {
        return false;
    }
    if (!flows && (request->repeatable || size == 0)) {
        /* Without a body there is nothing that could not be rewound: only a fresh connection is never sent to twice. */
        return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L) == CURLE_OK;
    }
    transfer->upload = request->body;
    transfer->upload_left = request->body_size;
    return curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, transfer) == CURLE_OK;
}

static bool set_callbacks(struct fu_transfer *transfer) {
    CURL *easy = transfer->easy;
#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80 */
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, note_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
#endif
    return curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->http) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->http) == CURLE_OK;
}

static bool set_protocols(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 */
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
}

/* What every transfer wants. Options that a build of libcurl may lack (HTTP/2, compression) are allowed to fail. */
static bool set_manners(struct fu_transfer *transfer, const struct fu_http_request *request) {
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (request->flow == NULL || request->flow->take == NULL) {
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* a file's bytes are counted as they are */
    }
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700                 /* 7.87 */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* else a cancel waits for a slow resolver */
#endif
    if (!request->plain) {
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    } else if (request->proxy == NULL) {
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's proxy would see the token in the clear */
    }
    long connect = (long)(request->connect_timeout * 1e3);
    return set_protocols(easy) && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect > 0 ? connect : 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT,
                            request->user_agent != NULL ? request->user_agent : "fusioo-lua/" FUSIOO_VERSION) ==
               CURLE_OK &&
           (request->ca_file == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK) &&
           (request->proxy == NULL || curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy) == CURLE_OK);
}

bool fu_transfer_prepare(struct fu_transfer *transfer, const struct fu_http_request *request) {
    return curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url) == CURLE_OK && set_callbacks(transfer) &&
           set_manners(transfer, request) && set_headers(transfer, request) && set_method(transfer, request);
}

/* ---- How it ended ---- */

static fusioo_kind kind_of(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return FUSIOO_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return FUSIOO_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return FUSIOO_MEMORY;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
        return FUSIOO_DECODE;
    default:
        return FUSIOO_NETWORK;
    }
}

static bool is_hopeless(CURLcode code) {
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
        return true;
    default:
        return false;
    }
}

/* libcurl does not read a header line of more than 100 KB. It calls that "out of memory", newer ones "too large". */
static bool is_header_too_long(const struct fu_transfer *transfer, CURLcode code) {
    enum { TOO_LARGE = 100 }; /* CURLE_TOO_LARGE, which older headers lack */
    curl_off_t first_byte = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
    return (int)code == TOO_LARGE || (code == CURLE_OUT_OF_MEMORY && first_byte > 0 && transfer->body->size == 0);
}

/* What to do about a connection that could not be made; `error` is the system's number. */
static const char *connect_hint(long error) {
    switch (error) {
    case ECONNREFUSED:
        return "refused: check base_url or proxy, and that the service is up";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "no route there: check this machine's network";
    default:
        return "check base_url or proxy, and the firewalls on the way";
    }
}

/* What to do about a transfer that failed without an answer. NULL: the kind of the error says it. */
static const char *hint_of(const struct fu_transfer *transfer, CURLcode code) {
    long tunnel = 0;
    long error = 0;
    if (kind_of(code) != FUSIOO_NETWORK) {
        return NULL;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
    if (tunnel >= 400) {
        return "the proxy said no: check the option proxy, with its user and password";
    }
    switch (code) {
    case CURLE_URL_MALFORMAT:
        return "check base_url";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "check base_url, and that this machine can look up names";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "check the proxy's address, and that this machine can look up names";
    case CURLE_COULDNT_CONNECT:
        /* What libcurl refuses by itself has no number of its own: an older one would speak. */
        return connect_hint(strncmp(transfer->words, "Unsupported", 11) == 0 ? 0 : error);
    case CURLE_PEER_FAILED_VERIFICATION:
        return "check base_url; an authority of your own goes into the option ca_file";
    case CURLE_SSL_CACERT_BADFILE:
        return "check the option ca_file";
    case CURLE_SSL_CONNECT_ERROR:
        return "check that https is spoken there";
    case CURLE_SEND_FAIL_REWIND:
        return "the kept connection had died, and a write is not sent twice";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return "the service, or something on the way, broke the connection";
    default:
        return "check the connection";
    }
}

/* The host that was asked for, without what may be secret: user, password, path. */
static void copy_host(const struct fu_transfer *transfer, char *host, size_t room) {
    char *url = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
    const char *begin = url != NULL ? strstr(url, "://") : NULL;
    begin = begin != NULL ? begin + 3 : "";
    size_t size = strcspn(begin, "/?#");
    if (memchr(begin, '@', size) != NULL) {
        size = 0;
    }
    fu_error_copy(host, room, begin, size);
}

/* libcurl's words, whose host may be missing, and what to do. Words that are too long leave room for the latter. */
static void say_what_happened(const struct fu_transfer *transfer, CURLcode code, struct fu_http_outcome *outcome) {
    char *message = outcome->message;
    size_t room = sizeof outcome->message;
    char host[100];
    char end[200] = "";
    const char *hint = hint_of(transfer, code);
    if (code == CURLE_OPERATION_TIMEDOUT) {
        copy_host(transfer, host, sizeof host); /* the one limit that libcurl knows is that of connecting */
        snprintf(end, sizeof end, ": no connection to %s (timeout.connect)", host);
    } else if (hint != NULL) {
        snprintf(end, sizeof end, "; %s", hint);
    }
    /* libcurl may quote a proxy's address, and with it a password. */
    bool quotable =
        transfer->words[0] != '\0' && strchr(transfer->words, '@') == NULL && strstr(transfer->words, "%40") == NULL;
    const char *words = code == CURLE_SEND_FAIL_REWIND ? "no answer came"
                        : quotable                     ? transfer->words
                                                       : curl_easy_strerror(code);
    fu_error_copy(message, room - strlen(end), words, strlen(words));
    strncat(message, end, room - strlen(message) - 1);
}

/* The whole address, also where the header has but a path. */
static void note_redirect(const struct fu_transfer *transfer) {
    char *location = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location);
    if (location != NULL) {
        fu_buffer_clear(&transfer->flow->head->location);
        fu_buffer_puts(&transfer->flow->head->location, location);
    }
}

void fu_transfer_outcome(const struct fu_transfer *transfer, CURLcode code, struct fu_http_outcome *outcome) {
    long request_size = 0;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request_size);
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    *outcome = (struct fu_http_outcome){
        .kind = kind_of(code),
        .status = (int)status,
        .sent = request_size > 0,
        .requests = request_size <= 0        ? 0
                    : transfer->requests > 1 ? transfer->requests
                                             : 1,
        .hopeless = is_hopeless(code),
        .retry_after = transfer->retry_after,
    };
    if (transfer->flow != NULL) {
        note_redirect(transfer);
    }
    if (transfer->too_large) {
        outcome->kind = FUSIOO_TOO_LARGE;
        snprintf(outcome->message, sizeof outcome->message, "the answer is larger than max_body, %zu bytes",
                 transfer->max_body);
    } else if (transfer->no_memory) {
        outcome->kind = FUSIOO_MEMORY;
        snprintf(outcome->message, sizeof outcome->message, "not enough memory");
    } else if (transfer->refusal != NULL) {
        outcome->kind = FUSIOO_DECODE;
        snprintf(outcome->message, sizeof outcome->message, "%s", transfer->refusal);
    } else if (is_header_too_long(transfer, code)) {
        outcome->kind = FUSIOO_DECODE;
        outcome->hopeless = false;
        snprintf(outcome->message, sizeof outcome->message, "a header of the answer is too long");
    } else if (code != CURLE_OK) {
        say_what_happened(transfer, code, outcome);
    }
}

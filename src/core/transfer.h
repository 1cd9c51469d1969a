/* transfer.h: one transfer of libcurl, as http.c and transfer.c see it. Nothing else includes this.
 *
 * Owns: the easy handle while the transfer is under way. Must not know: the Fusioo API. */
#ifndef FU_TRANSFER_H
#define FU_TRANSFER_H

#include "http.h"

#include <curl/curl.h>

struct fu_transfer {
    struct fu_http *http;
    struct fu_transfer *next, **place; /* in the list of those under way */
    struct fu_transfer *next_to_add;   /* in the list of those that libcurl does not know yet */
    bool added;                        /* does libcurl know it? */
    CURL *easy;
    struct curl_slist *headers; /* one of them holds the token */
    struct fu_buffer *body;     /* the caller's: the answer */
    const struct fu_http_flow *flow;
    bool paused;        /* the flow's owner is slower than the network: no time limit runs */
    const char *upload; /* what is left to send of a body that must not be sent twice */
    size_t upload_left;
    size_t max_body;
    bool too_large, no_memory;              /* why the write callback stopped the transfer */
    const char *refusal;                    /* why the header callback stopped it; NULL: it did not */
    size_t head_lines, head_bytes, codings; /* of all answers so far, interim ones included; codings of the last one */
    bool sized;                             /* room for the answer's announced length was made */
    unsigned requests;                      /* how often libcurl sent it */
    bool stale;                             /* it was not: bytes that nobody asked for wait on the connection */
    double retry_after;
    double started, last_byte; /* by the engine's clock */
    double idle_timeout;
    struct fu_timer idle;
    bool has_body; /* does the request have one? */
    int unsent;    /* bytes that the system had not sent at the last look */
    fu_http_done *done;
    void *owner;
    char words[CURL_ERROR_SIZE];
};

/* Sets all options of `transfer->easy`. False: no memory, or libcurl refused one. */
bool fu_transfer_prepare(struct fu_transfer *transfer, const struct fu_http_request *request);

/* Says how the transfer ended: `code` is libcurl's verdict. */
void fu_transfer_outcome(const struct fu_transfer *transfer, CURLcode code, struct fu_http_outcome *outcome);

/* Wipes and frees the headers, which hold the token. */
void fu_transfer_free_headers(struct fu_transfer *transfer);

/* Notes, when an answer has come, what its connection is like. */
void fu_transfer_note_socket(const struct fu_transfer *transfer);

#endif

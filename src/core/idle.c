/* idle.c: has a transfer been silent for too long? (see idle.h)
 * Owns: the look at what the system has not sent yet. Must not know: how a transfer ends. */
#include "idle.h"

#include "sockets.h"

/* Looks so often in one idle time: what the system sends shows only in the difference of two looks. */
enum { LOOKS = 4 };

/* Bytes of the transfer's connection that the other side has not confirmed; 0 where that cannot be told. */
static int unsent_of(const struct fu_transfer *transfer) {
    long local_port = 0;
    long remote_port = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_PORT, &local_port);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &remote_port);
    return remote_port > 0 ? fu_sockets_unsent(transfer->http, (int)local_port, (int)remote_port) : 0;
}

double fu_idle_next(struct fu_transfer *transfer, double now) {
    double look = now + (transfer->has_body ? transfer->idle_timeout / LOOKS : transfer->idle_timeout);
    curl_off_t ready = 0; /* microseconds until the request could be sent; 0: there is no connection yet */
    if (!transfer->added || transfer->paused) {
        return look;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
    if (ready <= 0) {
        return look;
    }
    double connected = transfer->started + (double)ready / 1e6;
    int unsent = transfer->has_body ? unsent_of(transfer) : 0;
    if (transfer->last_byte < connected) {
        transfer->last_byte = connected;
    }
    if (unsent < transfer->unsent) {
        transfer->last_byte = now;
    }
    transfer->unsent = unsent;
    double over = transfer->last_byte + transfer->idle_timeout;
    return over <= now ? now : transfer->has_body && look < over ? look : over;
}

/* retry.h: whether a call that failed is sent again, and when.
 *
 * Owns: the policy, as a pure function. Must not know: clocks, transfers, the window (a 429 is the window's business).
 */
#ifndef FU_RETRY_H
#define FU_RETRY_H

#include "fusioo.h"

/* What a user may set. */
struct fu_retry_policy {
    int attempts;     /* requests for one call at most */
    double base, cap; /* first and longest wait between them, seconds */
};

/* How a request ended. */
struct fu_outcome {
    fusioo_kind kind;   /* what went wrong */
    int status;         /* HTTP status; 0: none came */
    double retry_after; /* what the service asked for, seconds; negative: nothing */
    bool sent;          /* may a byte of the request have reached the service? */
    bool repeatable;    /* does sending it twice do what sending it once does? */
    bool hopeless;      /* it would fail the same way again (a certificate, a malformed address) */
};

/* Seconds to wait before the request is sent again; negative: give up. `attempt` is the number of the request that
 * failed, from 1; `random` in [0, 1) spreads the waits of many clients. */
double fu_retry_after(const struct fu_retry_policy *policy, const struct fu_outcome *outcome, int attempt,
                      double random);

#endif

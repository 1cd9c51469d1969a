/* retry.c: whether a call that failed is sent again, and when (see retry.h).
 * Owns: the policy. Must not know: clocks, transfers, the window. */
#include "retry.h"

static bool may_pass(const struct fu_outcome *outcome) {
    switch (outcome->kind) {
    case FUSIOO_NETWORK:
    case FUSIOO_TIMEOUT:
    case FUSIOO_DECODE:
        return !outcome->hopeless;
    case FUSIOO_API:
        /* 429: another host's, where a file was fetched; the service's own is the window's business. */
        return outcome->status >= 500 || outcome->status == 429;
    default:
        return false;
    }
}

double fu_retry_after(const struct fu_retry_policy *policy, const struct fu_outcome *outcome, int attempt,
                      double random) {
    if (attempt >= policy->attempts || !may_pass(outcome) || (outcome->sent && !outcome->repeatable)) {
        return -1;
    }
    double wait = policy->base;
    for (int i = 1; i < attempt && wait < policy->cap; i++) {
        wait *= 2;
    }
    if (wait > policy->cap) {
        wait = policy->cap;
    }
    /* Half of the wait is certain, half is chance: clients that failed together do not come back together. */
    wait *= 0.5 + 0.5 * random;
    return outcome->retry_after > wait ? outcome->retry_after : wait;
}

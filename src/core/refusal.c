/* refusal.c: what the company's 429s teach (see refusal.h).
 * Owns: the policy. Must not know: clocks, who waits, files. */
#include "refusal.h"

/* Waits after 429s in a row, where the service does not say how long: they double from the first to the last. */
static const double first_pause = 1;
static const double longest_pause = 60;
/* A service that says "0 seconds" again and again is not asked faster than this. */
static const double shortest_pause = 0.1;
/* So many under way without a 429: the service takes whatever comes. */
enum { HELD_BACK = 64 };

static double growing_pause(uint32_t refusals, double random) {
    double pause = first_pause;
    for (uint32_t i = 1; i < refusals && pause < longest_pause; i++) {
        pause *= 2;
    }
    return (pause < longest_pause ? pause : longest_pause) * (0.75 + 0.25 * random);
}

double fu_refusal_note(struct fu_refusal *refusal, double granted_at, double now, double retry_after, double random) {
    /* Those that were under way together are refused together: that is one refusal. */
    if (granted_at < 0 || granted_at > refusal->refused_at) {
        refusal->refused_at = now;
        refusal->refusals++;
    }
    refusal->allowed = 1;
    double pause = retry_after >= 0 ? retry_after : growing_pause(refusal->refusals, random);
    pause = pause > shortest_pause ? pause : shortest_pause;
    if (now + pause > refusal->closed_until) {
        refusal->closed_until = now + pause;
    }
    return refusal->closed_until - now;
}

bool fu_refusal_is_trial(const struct fu_refusal *refusal, double granted_at) {
    return refusal->allowed > 0 && granted_at > refusal->refused_at;
}

void fu_refusal_answered(struct fu_refusal *refusal, double granted_at) {
    if (!fu_refusal_is_trial(refusal, granted_at)) {
        return;
    }
    refusal->refusals = 0;
    refusal->closed_until = 0;
    refusal->allowed = refusal->allowed < HELD_BACK ? refusal->allowed + 1 : 0;
}

double fu_refusal_wait(const struct fu_refusal *refusal, unsigned trying, double now) {
    if (refusal->closed_until > now) {
        return refusal->closed_until - now;
    }
    return refusal->allowed > 0 && trying >= refusal->allowed ? -1 : 0;
}

bool fu_refusal_is_same(const struct fu_refusal *one, const struct fu_refusal *other) {
    return one->refused_at == other->refused_at && one->closed_until == other->closed_until &&
           one->refusals == other->refusals && one->allowed == other->allowed;
}

void fu_refusal_merge(struct fu_refusal *known, const struct fu_refusal *other) {
    if (other->refused_at == known->refused_at) {
        return; /* one and the same 429: what is known says what came after it */
    }
    double closed = known->closed_until > other->closed_until ? known->closed_until : other->closed_until;
    if (other->refused_at > known->refused_at) {
        *known = *other;
    }
    known->closed_until =
        closed; /* the later one may have been told to wait less: nobody goes before the longer wait */
}

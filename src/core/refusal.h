/* refusal.h: what the company's 429s teach, as pure functions: how long nobody sends, and how many try then.
 *
 * Owns: the policy. Must not know: clocks (times come in), who waits, files.
 * After a 429 the service's Retry-After is kept to, or, without one, a wait that doubles with each 429 in a row. Then
 * one call tries alone, and with each success twice as many may be under way, until nothing is held back any more:
 * somebody else spends the company's calls, and whoever would send all that waits would be refused once for each. */
#ifndef FU_REFUSAL_H
#define FU_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: the service has refused nothing. It stands in the ledger file as it is here, for all processes. */
struct fu_refusal {
    double refused_at;   /* when the service last said 429 */
    double closed_until; /* no call goes before */
    uint32_t refusals;   /* 429s in a row; calls that were under way together count as one */
    uint32_t allowed;    /* calls that may be under way; 0: as many as the window takes */
};

/* The service refused a call that was granted at `granted_at` (negative: without asking). `retry_after`: seconds,
 * negative: it did not say; `random` in [0, 1) spreads the waits of many. Returns the seconds that nobody sends. */
double fu_refusal_note(struct fu_refusal *refusal, double granted_at, double now, double retry_after, double random);

/* A call that was granted at `granted_at` came to an answer that was no 429. */
void fu_refusal_answered(struct fu_refusal *refusal, double granted_at);

/* Seconds until a call may go, while `trying` calls that were granted since the last 429 are under way; 0: now;
 * negative: when one of those has ended. */
double fu_refusal_wait(const struct fu_refusal *refusal, unsigned trying, double now);

/* Was a call that was granted at `granted_at` granted after the last 429, while calls are held back? */
bool fu_refusal_is_trial(const struct fu_refusal *refusal, double granted_at);

/* Do both say the same? */
bool fu_refusal_is_same(const struct fu_refusal *one, const struct fu_refusal *other);

/* Takes into `known` what `other`, a state of the same company, knows better: neither loses a 429. */
void fu_refusal_merge(struct fu_refusal *known, const struct fu_refusal *other);

#endif

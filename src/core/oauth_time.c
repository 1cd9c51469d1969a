/* oauth_time.c: when a sign-in's token is due (see oauth.h).
 * Owns: the margin before its end. Must not know: who asks for it, how another one is got. */
#include "oauth_private.h"

#include "random.h"

#include <math.h>
#include <unistd.h>

/* A token is renewed when a tenth of its time is left, or this many seconds, whichever is less; half as much again is
 * chance, so that processes with one store do not all come at once. */
#define EARLY_SHARE 0.1
#define EARLY_MOST 60.0

bool fu_oauth_can_refresh(const struct fusioo_oauth *oauth) {
    return oauth->token.refresh != NULL && fu_oauth_hash(oauth, oauth->token.refresh) != oauth->dead;
}

bool fu_oauth_is_renewable(const struct fusioo_oauth *oauth) {
    return fu_oauth_can_refresh(oauth) || oauth->grant == FUSIOO_PASSWORD || oauth->grant == FUSIOO_CLIENT_CREDENTIALS;
}

/* Works out when the token that is there now is due. `life`: seconds that it has from now on; negative: its date says
 * so. A date is of the wall clock, which other processes share; from here on the engine's counts, which no setting of
 * the date moves and no sleep of the machine stops. */
static void set_times(struct fusioo_oauth *oauth, double life) {
    double wall = fu_clock_wall(&oauth->context->http.clock);
    if (life >= 0) {
        oauth->token.expires_at = floor(wall + life);
    } else {
        life = oauth->token.expires_at >= 0 ? oauth->token.expires_at - wall : INFINITY;
    }
    double early = life * EARLY_SHARE < EARLY_MOST ? life * EARLY_SHARE : EARLY_MOST;
    double chance = 1 + 0.5 * fu_random_unit(&oauth->context->random);
    oauth->ends = fu_context_now(oauth->context) + life;
    oauth->due = fu_oauth_is_renewable(oauth) && isfinite(life) ? oauth->ends - early * chance : oauth->ends;
}

void fu_oauth_forget_replaced(struct fusioo_oauth *oauth) {
    fu_token_free(&oauth->replaced[0]);
    fu_token_free(&oauth->replaced[1]);
}

bool fu_oauth_is_refused(const struct fusioo_oauth *oauth) {
    return fu_context_now(oauth->context) < oauth->refused_until;
}

void fu_oauth_adopt(struct fusioo_oauth *oauth, struct fu_token *token, double life) {
    struct fu_token *place = &oauth->replaced[oauth->replaced[0].access != NULL];
    fu_token_free(place);
    *place = oauth->token;
    oauth->token = *token;
    *token = (struct fu_token)FU_TOKEN_NONE;
    oauth->process = getpid();
    oauth->refused_until = 0;
    set_times(oauth, life);
}

/* oauth_private.h: what oauth.c, oauth_work.c, oauth_line.c, oauth_time.c, oauth_request.c and oauth_store.c share.
 * Nothing else includes this. */
#ifndef FU_OAUTH_PRIVATE_H
#define FU_OAUTH_PRIVATE_H

#include "oauth.h"

/* The OAuth addresses that Fusioo is taken to have; nothing else in the library knows one. */
#define FU_AUTHORIZE_URL "https://connect.fusioo.com/oauth/authorize"
#define FU_TOKEN_URL "https://connect.fusioo.com/oauth/token"

/* Seconds until a renewal that failed before the token's end, or a token that could not be kept, is tried again. */
#define FU_TRY_AGAIN 10.0

/* Seconds after which a token that the API has refused, and that nothing can renew, is tried once more: it may have
 * been somebody's mistake between. */
#define FU_REFUSED 60.0

/* Seconds without a byte after which a request is given up whose answer does not come twice. */
#define FU_SILENCE 120.0

/* Seconds beyond timeout.total for what must not be given up with those who asked for it. The answer to a request may
 * bring a token that does not come again; and what a store keeps later may be older than another process's token, so
 * that it stays locked meanwhile. */
#define FU_LATE 60.0

/* ---- oauth_work.c ---- */

/* The store was read: `good`, and `found` (empty: there is no token), or `error`. */
void fu_oauth_on_loaded(struct fusioo_oauth *oauth, struct fu_token *found, const fusioo_error *error);

/* The lock was got, or not. */
void fu_oauth_on_locked(struct fusioo_oauth *oauth, fusioo_stored stored, const fusioo_error *error);

/* The token was kept, or not. */
void fu_oauth_on_saved(struct fusioo_oauth *oauth, const fusioo_error *error);

/* The request has brought a token, with `life` seconds to live (negative: not known). */
void fu_oauth_on_token(struct fusioo_oauth *oauth, struct fu_token *token, double life);

/* The request has brought no token. `refused`: the service will not have the refresh token. */
void fu_oauth_on_failed(struct fusioo_oauth *oauth, bool refused, const fusioo_error *error);

/* The patience of somebody who asks has ended, or that with the store. A request goes on, and so does keeping what it
 * has brought, since the token will not come a second time. */
void fu_oauth_expire(struct fusioo_oauth *oauth);

/* The timer of the work has fired where the work waits for its turn. */
void fu_oauth_move(struct fusioo_oauth *oauth);

/* The piece of work is done, and those who waited for it have been told: begins the next one where others have come.
 * The sign-in may be gone then. */
void fu_oauth_rest(struct fusioo_oauth *oauth);

/* Gives up what is under way, without a word to anybody, and what it holds. */
void fu_oauth_abandon(struct fusioo_oauth *oauth);

/* ---- oauth_line.c ---- */

/* Puts `ask` at the end of the line. */
void fu_oauth_join(struct fusioo_oauth *oauth, struct fu_ask *ask);

/* Sets `total` for when the next patience ends. */
void fu_oauth_arm(struct fusioo_oauth *oauth);

/* Has what is under way a bound of its own, `answer_by`? */
bool fu_oauth_is_bounded(const struct fusioo_oauth *oauth);

/* Until when the most patient of those who ask waits; 0: nobody asks. */
double fu_oauth_patience(const struct fusioo_oauth *oauth);

/* Has the token any time left that `ask` could use? `early`: also time in which it should be renewed. */
bool fu_oauth_is_good_for(const struct fusioo_oauth *oauth, const struct fu_ask *ask, bool early);

/* Does the store have the token, as far as is known? */
bool fu_oauth_is_kept(const struct fusioo_oauth *oauth);

/* Gives the token to all for whom it is good. */
void fu_oauth_serve(struct fusioo_oauth *oauth, bool early);

/* Gives the token that has been put into the store, or could not, to those for whom that was done. `is_new`: the work
 * has brought it, and who was refused with the same one before sees that nothing is to be hoped for. */
void fu_oauth_serve_saved(struct fusioo_oauth *oauth, bool is_new);

/* The work has failed, for `all` who ask or for those whose work it was. Who can do with the token as it is gets that.
 */
void fu_oauth_serve_failure(struct fusioo_oauth *oauth, bool all, const fusioo_error *error);

/* Tells those whose patience has ended that it has. */
void fu_oauth_tell_expired(struct fusioo_oauth *oauth);

/* ---- oauth_time.c ---- */

/* Is there a refresh token that the service has not refused? */
bool fu_oauth_can_refresh(const struct fusioo_oauth *oauth);

/* Can the token be renewed, or got, without a person? */
bool fu_oauth_is_renewable(const struct fusioo_oauth *oauth);

/* Puts `token` in the place of the one that was there, takes its strings over, and works out when it is due. `life`:
 * seconds that it has from now on; negative: its date says so. */
void fu_oauth_adopt(struct fusioo_oauth *oauth, struct fu_token *token, double life);

/* Wipes and frees the tokens in whose place others were put. */
void fu_oauth_forget_replaced(struct fusioo_oauth *oauth);

/* Has the API refused the token, so that it is of no use to anybody? */
bool fu_oauth_is_refused(const struct fusioo_oauth *oauth);

/* ---- oauth_request.c ---- */

/* Sends the request that the work needs. */
void fu_oauth_send(struct fusioo_oauth *oauth);

/* Ends it, without a word. */
void fu_oauth_stop_request(struct fusioo_oauth *oauth);

/* How requests go out now: as a client wants them for whose call the token is, or as the sign-in's own options say. */
struct fu_manners fu_oauth_manners(const struct fusioo_oauth *oauth);

/* The hash by which a refresh token, or an access token, is remembered; never 0. */
uint64_t fu_oauth_hash(const struct fusioo_oauth *oauth, const char *token);

/* ---- oauth_store.c ---- */

/* Reads the store: fu_oauth_on_loaded. */
void fu_oauth_load(struct fusioo_oauth *oauth);

/* Tries to lock it, and sees that a token will find room there: fu_oauth_on_locked. */
void fu_oauth_lock(struct fusioo_oauth *oauth);

/* Is its owner to answer something? */
bool fu_oauth_asks_store(const struct fusioo_oauth *oauth);

/* Puts the token into it: fu_oauth_on_saved. */
void fu_oauth_save(struct fusioo_oauth *oauth);

/* Tries once more, without waiting for anybody, to put a token into a file that could not be put there: it would go
 * with the sign-in, or with the engine. True: it is there, or is not to be; false: another try may help. */
bool fu_oauth_save_at_last(struct fusioo_oauth *oauth);

/* Gives the lock back, if it is held; the owner of a store on need is told that the work has ended. */
void fu_oauth_unlock(struct fusioo_oauth *oauth);

#endif

/* oauth_private.h: what oauth.c, oauth_work.c, oauth_time.c, oauth_request.c and oauth_store.c share. Nothing else
 * includes this. */
#ifndef FU_OAUTH_PRIVATE_H
#define FU_OAUTH_PRIVATE_H

#include "oauth.h"

/* The OAuth addresses that Fusioo is taken to have; nothing else in the library knows one. */
#define FU_AUTHORIZE_URL "https://connect.fusioo.com/oauth/authorize"
#define FU_TOKEN_URL "https://connect.fusioo.com/oauth/token"

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

/* The request, or keeping what it has brought, takes longer than those who ask have patience for: they are told so, and
 * it goes on, since the token will not come a second time. */
void fu_oauth_on_patience(struct fusioo_oauth *oauth, const fusioo_error *error);

/* The timer of the work has fired where the work waits for its turn. */
void fu_oauth_move(struct fusioo_oauth *oauth);

/* The piece of work is done, and those who waited for it have been told: begins the next one where others have come.
 * The sign-in may be gone then. */
void fu_oauth_rest(struct fusioo_oauth *oauth);

/* Gives up what is under way, without a word to anybody, and what it holds. */
void fu_oauth_abandon(struct fusioo_oauth *oauth);

/* ---- oauth_time.c ---- */

/* Is there a refresh token that the service has not refused? */
bool fu_oauth_can_refresh(const struct fusioo_oauth *oauth);

/* Can the token be renewed, or got, without a person? */
bool fu_oauth_is_renewable(const struct fusioo_oauth *oauth);

/* Puts `token` in the place of the one that was there, takes its strings over, and works out when it is due. `life`:
 * seconds that it has from now on; negative: its date says so. */
void fu_oauth_adopt(struct fusioo_oauth *oauth, struct fu_token *token, double life);

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

/* Puts the token into it: fu_oauth_on_saved. */
void fu_oauth_save(struct fusioo_oauth *oauth);

/* Gives the lock back, if it is held; the owner of a store on need is told that the work has ended. */
void fu_oauth_unlock(struct fusioo_oauth *oauth);

#endif

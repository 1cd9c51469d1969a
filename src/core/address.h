/* address.h: the service's addresses.
 *
 * Owns: what makes one acceptable. Must not know: paths of the API, transfers. */
#ifndef FU_ADDRESS_H
#define FU_ADDRESS_H

#include "fusioo.h"

#include <stdbool.h>

enum fu_address {
    FU_ADDRESS_BASE, /* paths are put behind it: it ends without a slash and without the API's version */
    FU_ADDRESS_WHOLE /* it is asked for as it is */
};

/* Checks `url`, the option `name`, and gives `*address` (the caller frees it with fu_free): scheme, host, port, path.
 * `*plain`: it is http:// on this machine. False: FUSIOO_INVALID (what is wrong) or FUSIOO_MEMORY. */
bool fu_address_read(const char *name, enum fu_address kind, const char *url, char **address, bool *plain,
                     fusioo_error *error);

/* Have both addresses the same scheme, host and port? What one of them may know, a token say, the other may. */
bool fu_address_same_origin(const char *one, const char *other);

/* May a redirect lead to `url`: https://, or http:// to a loopback host? */
bool fu_address_may_follow(const char *url);

#endif

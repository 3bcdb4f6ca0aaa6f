/* admin/password.c - see password.h. The hashing is the system's (crypt(3)).
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/password.h"

#include <crypt.h>

#include "admin/sessions.h"
#include "base/mem.h"

enum { HASH_LEN = 60, COST_AT = 4, SALT_AT = 7, COST_LEAST = 4, COST_MOST = 31 };

static bool is_hash_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '/';
}

int password_hash_cost(str hash)
{
    uint64_t cost;

    if (hash.n != HASH_LEN || hash.p[0] != '$' || hash.p[1] != '2' || !hash.p[2] ||
        !strchr("aby", hash.p[2]) || hash.p[3] != '$' || hash.p[6] != '$')
        return -1;
    for (size_t i = SALT_AT; i < HASH_LEN; i++)
        if (!is_hash_char(hash.p[i]))
            return -1;
    if (str_to_u64(str_n(hash.p + COST_AT, 2), COST_MOST, &cost) < 0 || cost < COST_LEAST)
        return -1;
    return (int)cost;
}

bool password_matches(const char *password, const char *hash)
{
    struct crypt_data *work = mem_zalloc(sizeof *work); /* too large for a stack */
    /* Not crypt_r(): sanitizers come with one of their own, and then libcrypt is not even loaded.
     */
    const char *made = crypt_rn(password, hash, work, (int)sizeof *work);
    bool same = made && admin_same(str_of(made), str_of(hash));

    explicit_bzero(work, sizeof *work);
    mem_free(work);
    return same;
}

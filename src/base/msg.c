/* base/msg.c - messages are slab blocks; see base/slab.h for the free lists.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/msg.h"

#include "base/assert.h"
#include "base/poison.h"
#include "base/slab.h"

struct msg *msg_new(size_t len)
{
    uint8_t class;
    struct msg *m;

    ASSERT(len <= UINT32_MAX);
    m = slab_alloc(sizeof *m + len, &class);
    m->refs = 1;
    m->len = (uint32_t)len;
    m->head = 0;
    m->binary = 0;
    m->class = class;
    m->prefix = 0;
    m->incompressible = 0;
    if (POISON_ENABLED && class != SLAB_BIG)
        poison(m->data + len, slab_size(class) - sizeof *m - len);
    return m;
}

struct msg *msg_of(str bytes)
{
    struct msg *m = msg_new(bytes.n);

    if (bytes.n)
        memcpy(m->data, bytes.p, bytes.n);
    return m;
}

void msg_release(struct msg *m)
{
    slab_free(m, m->class);
}

void msg_trim(void)
{
    slab_trim();
}

/* app/module.c - see module.h. The contract with the application is in atrium/app.h.
 *
 * The object finds the API in the program, which exports all of it; every symbol is resolved at
 * once, so one that needs a function this version does not have is refused here and not later.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/str.h"

bool module_is(const char *path)
{
    static const char magic[4] = { 0x7f, 'E', 'L', 'F' };
    char head[sizeof magic];
    size_t len = strlen(path);
    FILE *file = fopen(path, "re");
    bool elf;

    if (!file)
        return len > 3 && !strcmp(path + len - 3, ".so");
    elf = fread(head, 1, sizeof head, file) == sizeof head && !memcmp(head, magic, sizeof head);
    fclose(file);
    return elf || (len > 3 && !strcmp(path + len - 3, ".so"));
}

static void *load(const char *path, char *why)
{
    char here[4096];
    void *handle;

    /* A name without a slash would be looked for in the system's folders. */
    (void)snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path);
    if (!(handle = dlopen(here, RTLD_NOW | RTLD_LOCAL)))
        (void)err_why(why, ATR_EUNKNOWN, "cannot load %s: %s", path, dlerror());
    return handle;
}

static int check_abi(void *handle, const char *path, char *why)
{
    const unsigned *abi = dlsym(handle, "atr_module_abi");

    if (!abi)
        return err_why(why, ATR_EUNKNOWN,
                       "%s is no Atrium application: it has no symbol \"atr_module_abi\" (write "
                       "ATR_MODULE; into it)",
                       path);
    if (*abi != ATR_ABI)
        return err_why(why, ATR_EUNKNOWN,
                       "%s was compiled for ABI %u of Atrium, this is %s with ABI %u: compile it "
                       "again",
                       path, *abi, atr_version(), (unsigned)ATR_ABI);
    return 0;
}

/* What a symbol's address is as a function; ISO C has no cast for it. */
static int (*main_of(void *handle))(atr_app *, char *)
{
    void *symbol = dlsym(handle, "atr_main");
    int (*fn)(atr_app *, char *);

    static_assert(sizeof fn == sizeof symbol, "POSIX: dlsym() gives functions, too");
    memcpy(&fn, &symbol, sizeof fn);
    return fn;
}

int module_open(atr_app *app, const char *path, void **out, char *why)
{
    void *handle = load(path, why);
    int (*start)(atr_app * app, char *why);
    int err;

    if (!handle)
        return ATR_EUNKNOWN;
    if ((err = check_abi(handle, path, why)) < 0)
        return err;
    if (!(start = main_of(handle)))
        return err_why(
            why, ATR_EUNKNOWN,
            "%s has no function atr_main(atr_app *app, char *why), or does not export it", path);
    why[0] = 0;
    if ((err = start(app, why)) < 0)
        return why[0] ? err_wrap(why, err, "%s", path)
                      : err_why(why, err, "%s: %s", path, err_text(err));
    *out = handle;
    return 0;
}

void module_close(void *handle)
{
    if (handle)
        dlclose(handle);
}

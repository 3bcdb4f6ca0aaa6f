/* api/rates.c - see rates.h.
 *
 * Each decoder both checks and fills: a check is a decoding whose result is thrown away.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/rates.h"

#include "base/mem.h"
#include "proto/json.h"

enum { BURST_S = 5, BURST_S_MAX = 3600, RATE_MAX = 1000000000 };

/* Members of a limit, and what they limit; -1: none such. */
struct members {
    const char *setting;
    int messages, bytes, connects;
};
static const struct members of_connection = { "rateLimit", RATES_MESSAGES, RATES_BYTES, -1 };
static const struct members of_address = { "addressRateLimit", RATES_ADDRESS_MESSAGES,
                                           RATES_ADDRESS_BYTES, RATES_CONNECTS };

static int member_index(const struct members *m, str key)
{
    if (json_string_is(key, STR("messages")))
        return m->messages;
    if (json_string_is(key, STR("bytes")))
        return m->bytes;
    return json_string_is(key, STR("connects")) ? m->connects : -1;
}

static int limits_of(const struct members *m, str json, struct rate out[RATES_COUNT], char *why)
{
    uint64_t burst_s = BURST_S;
    struct json_iter it;
    int64_t number;

    if (json_type_of(json) == JSON_FALSE)
        return 0;
    if (json_type_of(json) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "setting \"%s\" must be false or an object", m->setting);
    json_iter_init(&it, json);
    while (json_iter_next(&it)) {
        bool burst = json_string_is(it.key, STR("burst"));
        int at = member_index(m, it.key);

        if (!burst && at < 0)
            return err_why(why, ATR_EUNKNOWN, "setting \"%s\" has no member %.*s", m->setting,
                           STR_ARG(it.key));
        if (json_integer(it.value, &number) < 0 || number < 1 ||
            number > (burst ? BURST_S_MAX : RATE_MAX))
            return err_why(why, ATR_ERANGE,
                           "setting \"%s\": %.*s must be a whole number from 1 to %d", m->setting,
                           STR_ARG(it.key), burst ? BURST_S_MAX : RATE_MAX);
        if (burst)
            burst_s = (uint64_t)number;
        else
            out[at].per_s = (uint32_t)number;
    }
    for (int i = 0; i < RATES_COUNT; i++)
        if (i == m->messages || i == m->bytes || i == m->connects)
            out[i].burst = out[i].per_s * burst_s;
    return 0;
}

static int add_proxy(str name, struct address_range *out, char *why)
{
    if (address_range_parse(out, name) < 0)
        return err_why(
            why, ATR_ESYNTAX,
            "setting \"trustProxy\": \"%.*s\" is no address, nor a range of them such as "
            "10.0.0.0/8",
            STR_ARG(name));
    return 0;
}

/* A list of texts, or one text with commas between them. *list is the caller's to free. */
static int proxies_of(str json, struct address_range **list, size_t *count, char *why)
{
    struct buf text = { 0 }, found = { 0 };
    struct address_range range;
    struct json_iter it;
    str rest, name;
    int err = 0;

    if (json_type_of(json) == JSON_ARRAY) {
        json_iter_init(&it, json);
        while (err == 0 && json_iter_next(&it)) {
            buf_clear(&text);
            if (json_string(it.value, &text, &name) < 0)
                err = ATR_ETYPE;
            else if ((err = add_proxy(name, &range, why)) == 0)
                buf_append(&found, &range, sizeof range);
        }
    } else if (json_string(json, &text, &rest) == 0) {
        while (err == 0 && rest.n && str_cut(&rest, ',', &name))
            if ((err = add_proxy(str_trim(name), &range, why)) == 0)
                buf_append(&found, &range, sizeof range);
    } else {
        err = ATR_ETYPE;
    }
    if (err == ATR_ETYPE)
        (void)err_why(why, err, "setting \"trustProxy\" must be a list of addresses");
    buf_free(&text);
    *list = (struct address_range *)(void *)found.data;
    *count = found.len / sizeof range;
    return err;
}

int rates_check(enum setting_name n, str json, char *why)
{
    struct rate limits[RATES_COUNT] = { 0 };
    struct address_range *list;
    size_t count;
    int err;

    if (n != SET_trustProxy)
        return limits_of(n == SET_rateLimit ? &of_connection : &of_address, json, limits, why);
    err = proxies_of(json, &list, &count, why);
    mem_free(list);
    return err;
}

void rates_apply_settings(atr_app *app)
{
    struct rate limits[RATES_COUNT] = { 0 };
    struct address_range *list;

    /* Checked when they were set. */
    (void)limits_of(&of_connection, settings_json(&app->settings, SET_rateLimit), limits, NULL);
    (void)limits_of(&of_address, settings_json(&app->settings, SET_addressRateLimit), limits, NULL);
    limits[RATES_SESSIONS] = limits[RATES_CONNECTS];
    for (int i = 0; i < RATES_COUNT; i++)
        rates_set(&app->rates, (enum rates_of)i, limits[i]);
    (void)proxies_of(settings_json(&app->settings, SET_trustProxy), &list, &app->http.proxy_count,
                     NULL);
    mem_free(app->proxies);
    app->http.proxies = app->proxies = list;
}

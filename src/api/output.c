/* api/output.c - see output.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/output.h"

#include "atrium/app.h"
#include "base/err.h"

static const struct number {
    const char *name;
    unsigned bit;
    size_t at; /* in struct pressure_policy */
    enum setting_name setting;
} numbers[] = {
    { "maxBufferedBytes", OUTPUT_BYTES, offsetof(struct pressure_policy, bytes_max),
      SET_maxBufferedBytes },
    { "highWaterMark", OUTPUT_HIGH_WATER, offsetof(struct pressure_policy, high_water),
      SET_highWaterMark },
    { "blockTimeout", OUTPUT_BLOCK, offsetof(struct pressure_policy, block_ms), SET_blockTimeout },
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void set(struct pressure_policy *o, const struct number *n, int64_t value)
{
    memcpy((char *)o + n->at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
}

static int overflow_in(str json)
{
    for (int i = 0; i < OVERFLOW_POLICIES; i++)
        if (json_type_of(json) == JSON_STRING &&
            json_string_is(json, str_of(overflow_name((enum overflow)i))))
            return i;
    return -1;
}

int output_check_overflow(str json, char *why)
{
    if (overflow_in(json) >= 0)
        return 0;
    return err_why(
        why, ATR_EUNKNOWN,
        "\"overflow\" must be \"disconnect\", \"drop\", \"dropOldest\", \"keepLatest\" or "
        "\"block\"");
}

int output_option(const struct json_iter *it, struct pressure_policy *o, unsigned *given, char *why)
{
    int64_t value, min, max;
    int err;

    if (json_string_is(it->key, STR("overflow"))) {
        if ((err = output_check_overflow(it->value, why)) < 0)
            return err;
        o->overflow = (uint8_t)overflow_in(it->value);
        *given |= OUTPUT_OVERFLOW;
        return 1;
    }
    for (const struct number *n = numbers; n < numbers + NUMBERS; n++) {
        if (!json_string_is(it->key, str_of(n->name)))
            continue;
        settings_range(n->setting, &min, &max);
        if (json_integer(it->value, &value) < 0 || value < min || value > max)
            return err_why(why, ATR_ERANGE,
                           "option \"%s\" must be an integer between %lld and %lld", n->name,
                           (long long)min, (long long)max);
        set(o, n, value);
        *given |= n->bit;
        return 1;
    }
    return 0;
}

void output_of_settings(const struct settings *s, struct pressure_policy *o)
{
    int overflow = overflow_in(settings_json(s, SET_overflow));

    for (const struct number *n = numbers; n < numbers + NUMBERS; n++)
        set(o, n, settings_number(s, n->setting));
    o->overflow = overflow < 0 ? OVERFLOW_DISCONNECT : (uint8_t)overflow; /* checked when set */
    pressure_policy_fit(o);
}

void output_merge(struct pressure_policy *out, const struct pressure_policy *base,
                  const struct pressure_policy *own, unsigned given)
{
    *out = *base;
    if (given & OUTPUT_OVERFLOW)
        out->overflow = own->overflow;
    if ((given & OUTPUT_BYTES) && own->bytes_max < base->bytes_max)
        out->bytes_max = own->bytes_max;
    if (given & OUTPUT_HIGH_WATER)
        out->high_water = own->high_water;
    if (given & OUTPUT_BLOCK)
        out->block_ms = own->block_ms;
    pressure_policy_fit(out);
}

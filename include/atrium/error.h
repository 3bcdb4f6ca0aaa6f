/* atrium/error.h - every error code of Atrium, once: enum, name and text.
 *
 * Functions that can fail return 0 or a positive count on success and a negative code on failure:
 * either one of these or a negated errno (which are all smaller than 4096, so the two never meet).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_ERROR_H
#define ATRIUM_ERROR_H

#define ATR_ERRORS(X)                                                                              \
    X(CLOSED, "the peer or the object is closed")                                                  \
    X(TIMEOUT, "operation has timed out")                                                          \
    X(LIMIT, "a configured limit was reached")                                                     \
    X(SYNTAX, "the input is not well formed")                                                      \
    X(PROTOCOL, "the peer broke the protocol")                                                     \
    X(TYPE, "a value has the wrong type")                                                          \
    X(RANGE, "a value is out of range")                                                            \
    X(UNKNOWN, "no such name")                                                                     \
    X(EXISTS, "the name is taken")                                                                 \
    X(STATE, "not allowed in this state")                                                          \
    X(REFUSED, "refused")                                                                          \
    X(ENCODING, "the text is not valid UTF-8")                                                     \
    X(DATABASE, "the database reported an error")                                                  \
    X(SCRIPT, "the script failed")                                                                 \
    X(FENCED, "somebody else holds it by now")

/* ATR_ECLOSED, ATR_ETIMEOUT, ... Functions return them as int. New ones are added at the end. */
typedef enum atr_error {
    ATR_ERROR_BASE = -4096,
#define ATR_ERROR_ENUM(name, text) ATR_E##name,
    ATR_ERRORS(ATR_ERROR_ENUM)
#undef ATR_ERROR_ENUM
        ATR_ERROR_END
} atr_error;

#endif

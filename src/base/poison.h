/* base/poison.h - tells AddressSanitizer which bytes of our own pools are out of bounds.
 *
 * Nothing at all in builds without it. Addresses should be multiples of 8: the first granule of an
 * unaligned range stays readable.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ENABLED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ENABLED 1
#endif
#endif
#ifndef POISON_ENABLED
#define POISON_ENABLED 0
#endif

#if POISON_ENABLED
#include <sanitizer/asan_interface.h>
#define poison(p, n)   __asan_poison_memory_region((p), (n))
#define unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#define is_poisoned(p) (__asan_address_is_poisoned(p) != 0)
#else
#define poison(p, n)   ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#define is_poisoned(p) ((void)(p), 0)
#endif

#endif

/* base/assert.h - checks of our own mistakes. Never for peer input, system calls or scripts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Always on. Prints the place and aborts the worker. */
#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* Debug builds only: for walks over whole structures. */
#ifdef NDEBUG
#define ASSERT_SLOW(x) ((void)0)
#else
#define ASSERT_SLOW(x) ASSERT(x)
#endif

#ifndef static_assert
#define static_assert _Static_assert
#endif

void assert_failed(const char *what, const char *file, int line) __attribute__((noreturn));

#endif

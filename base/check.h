/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_CHECK_H
#define KB_CHECK_H
/*
 * Assertions for what a programmer got wrong. They stay on in release builds.
 * What comes from outside (wire, files, options) is an error, never a check.
 */
#include <stddef.h>

_Noreturn void kb_check_failed(const char *expr, const char *file, int line);

#define KB_CHECK(expr) ((expr) ? (void)0 : kb_check_failed(#expr, __FILE__, __LINE__))

#define KB_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KB_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define KB_MIN(a, b) ((a) < (b) ? (a) : (b))
#define KB_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif

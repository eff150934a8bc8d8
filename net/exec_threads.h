/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_EXEC_THREADS_H
#define KN_EXEC_THREADS_H
/* The executor of the real world: a pool of threads that block all signals. */
#include "net/exec.h"

struct kn_exec *kn_exec_threads_new(int threads); /* NULL: no memory or no thread */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_META_STORE_H
#define CLI_META_STORE_H
/*
 * The embedded store's files, read and never written. A running broker may
 * replace them meanwhile: then they are read again. A record that is not whole
 * at the end of its log was not acknowledged, and is left out.
 */
#include "broker/meta/tree.h"

/* Of a broker's data directory, into an empty tree. 0, or an exit status after
 * a complaint. */
int meta_load(struct kd_tree *tree, const char *dir);

#endif

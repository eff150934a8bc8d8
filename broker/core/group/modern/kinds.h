/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_KINDS_H
#define KD_GROUP_KINDS_H
/* What the keys of these records begin with. */
enum {
    KD_RECORD_EPOCH = 3,
    KD_RECORD_OLD_METADATA = 4,
    KD_RECORD_WORDS = 5,
    KD_RECORD_TARGET_EPOCH = 6,
    KD_RECORD_TARGET = 7,
    KD_RECORD_CURRENT = 8,
    KD_RECORD_EXPRESSION = 16
};

#endif

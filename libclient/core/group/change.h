/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CHANGE_H
#define KC_CHANGE_H
/* What a membership wants of the partitions that it names. */

enum kc_change {
    KC_CHANGE_NONE,
    KC_CHANGE_REVOKE, /* they are to be given up; the group waits until it is said */
    KC_CHANGE_ASSIGN, /* they are ours now, beside what is kept */
    KC_CHANGE_LOSE    /* they are gone already: another member may have them */
};

#endif

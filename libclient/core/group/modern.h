/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_MODERN_H
#define KC_MODERN_H
/*
 * The `consumer` kind of member (KIP-848): one request, ConsumerGroupHeartbeat,
 * joins, reconciles and leaves; the coordinator computes the assignment.
 *
 *   OUT ── subscribed ──> JOIN ── epoch 0 answered ──> IN ──┐ a new assignment:
 *    ^                     ^  ^                        │ ^──┘ REVOKE, tell what is
 *    │                     │  └─ LOSE done ── LOST <───┤      owned; ASSIGN, tell
 *    │ goodbye             │        fenced, unknown,   │
 *    │ answered            │        silent too long    │ the application is silent:
 *   LEAVE <── leave        └── polled ── AWAY <────────┘ LOSE, goodbye
 *
 * A heartbeat says only what the coordinator has not heard (what is owned, a
 * changed subscription). After any that was not answered well it says all again:
 * then the coordinator repeats the assignment, and takes the epoch before the
 * last one for our own, so that a lost answer costs nothing.
 *
 * An assignment names topics by id. An id that our metadata does not know is
 * asked for by Metadata on the same connection, with backoff; meanwhile
 * everything else of the assignment goes on.
 *
 * Three files: what happens to it (modern.c), what it sends and hears
 * (modern_beat.c), what it makes of an assignment (modern_target.c).
 */
#include "libclient/core/group/member.h"
#include "libclient/core/group/member_request.h"

enum kc_modern_phase {
    KC_MODERN_OUT,
    KC_MODERN_JOIN, /* the epoch is 0 */
    KC_MODERN_IN,
    KC_MODERN_LOST, /* joins once the loss has been seen to */
    KC_MODERN_AWAY, /* joins once it is polled */
    KC_MODERN_LEAVE,
    KC_MODERN_FAILED
};

struct kc_modern {
    enum kc_modern_phase phase;
    int64_t sent_ms;    /* the last request */
    int64_t beat_ms;    /* the next heartbeat at the latest */
    int64_t session_ms; /* IN: the coordinator may have given us up by then */
    int64_t again_ms;   /* what failed for want of memory; KB_NEVER */
    int32_t interval_ms;

    bool known;    /* the coordinator may have us as a member: it is told a goodbye */
    bool goodbye;  /* to be told, until leave_by_ms; its answer is awaited */
    bool back;     /* polled while AWAY */
    bool ghost;    /* a static member: it may be we ourselves who hold the instance id */
    bool patterns; /* a regex was told once: from then on that there is none is told too */

    /* what the next heartbeat says beside the epoch */
    bool all, tell_owned;
    uint32_t told_version; /* of the topics */

    bool assigned;                /* some assignment came in this membership */
    uint32_t heard, heeded;       /* counts assignments; the last that was acknowledged */
    struct kc_partitions target;  /* the latest */
    struct kc_partitions unnamed; /* as much of it as has no name yet; their names are "" */
    int64_t names_ms;             /* they are asked for then */
    struct kc_backoff names_backoff;
};

static inline struct kc_modern *kc_modern_of(const struct kc_member *member)
{
    return member->state;
}

/* Everything is lost; it joins anew once that has been seen to. */
void kc_modern_lost(struct kc_member *member);
void kc_modern_fail(struct kc_member *member, const struct kb_error *why);
/* The goodbye was answered, or is not worth another try. */
void kc_modern_gone(struct kc_member *member);
/* Goes on as far as it can without hearing anything. Each event ends in it, since
 * after it the member may be of another kind. */
void kc_modern_proceed(struct kc_member *member, struct kb_time now);

/* ---- modern_beat.c ---- */
bool kc_modern_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                    struct kc_member_request *out);
void kc_modern_answer(struct kc_member *member, struct kb_time now,
                      const struct kc_member_response *response);
void kc_modern_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why);
/* When plan has something to send; KB_NEVER. */
int64_t kc_modern_due_ms(const struct kc_member *member);

/* ---- modern_target.c ---- */
/* False: no memory, and nothing has changed. */
bool kc_modern_assigned(struct kc_member *member,
                        const struct kw_consumer_group_heartbeat_response_assignment *assignment);
/* Names that metadata, or an answer to our question (NULL: none), knows by now.
 * False: no memory. */
bool kc_modern_name(struct kc_member *member, const struct kw_metadata_response *response);
void kc_modern_forget(struct kc_modern *modern); /* the assignment */
bool kc_modern_settled(const struct kc_member *member);

#endif

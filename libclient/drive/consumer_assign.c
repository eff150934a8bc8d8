/* SPDX-License-Identifier: Apache-2.0 */
/* What is assigned, where it stands, what of it is paused: on the loop. */
#include "base/check.h"
#include "libclient/drive/attachment.h"
#include "libclient/drive/consumer_fetch.h"
#include <string.h>

struct kc_share *kc_consumer_find(const struct kurier_consumer *c, const char *topic,
                                  int32_t partition)
{
    char key[300];
    size_t size = kc_share_key(topic, partition, key, sizeof key);
    struct kb_map_entry *e =
        size < sizeof key ? kb_map_get(&c->shares, kb_slice_of(key, size)) : NULL;
    return KB_MAP_VALUE(e, struct kc_share, by_key);
}

struct kc_share *kc_consumer_share(struct kurier_consumer *c, const char *topic, int32_t partition)
{
    struct kc_share *share = kc_consumer_find(c, topic, partition);
    if (share || !(share = kc_share_new(c->feed, topic, partition)))
        return share;
    if (!kb_map_put(&c->shares, &share->by_key, kb_slice_str(share->key))) {
        kc_share_unref(share);
        return NULL;
    }
    return share;
}

/* What is handed out from now on begins where the fetch does. */
static void publish(struct kc_share *share)
{
    kc_share_begin(share, share->fetch->version,
                   (struct kc_spot){share->fetch->start, share->fetch->position_epoch});
}

void kc_consumer_drop(struct kurier_consumer *c, struct kc_share *share)
{
    struct kc_topic *topic = share->fetch->topic;
    kc_attachment_dropped(c, share);
    kc_fetcher_remove(&c->fetcher, share->fetch);
    share->fetch = NULL;
    share->assignment = 0;
    share->halted = false;
    kc_share_begin(share, 0, (struct kc_spot){-1, -1});
    atomic_store(&share->paused, false);
    c->assigned--;
    kc_client_unwant(c->client, topic);
}

bool kc_consumer_add(struct kurier_consumer *c, struct kc_share *share, int64_t offset,
                     int32_t leader_epoch)
{
    struct kc_topic *topic = kc_client_want(c->client, share->topic);
    share->fetch =
        topic ? kc_fetcher_add(&c->fetcher, topic, share->partition, offset, leader_epoch, share)
              : NULL;
    if (share->fetch) {
        c->assigned++;
        share->assignment = ++c->assignments;
        share->committed = -1;
        publish(share);
        kc_share_mark(share, share->fetch->version,
                      (struct kc_spot){share->fetch->start, share->fetch->position_epoch});
    } else if (topic)
        kc_client_unwant(c->client, topic);
    return share->fetch != NULL;
}

bool kc_position_names(const kurier_position *p)
{
    return p->topic && p->topic[0] && strlen(p->topic) <= 249 && p->partition >= 0;
}

static bool is_place(const kurier_position *p)
{
    return p->offset >= KURIER_BEGINNING || p->offset == KURIER_COMMITTED;
}

static int check(const struct kurier_consumer *c, const kurier_position *positions, size_t n,
                 struct kb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const kurier_position *p = &positions[i];
        if (!kc_position_names(p) || !is_place(p))
            return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                                "position %zu: a topic, a partition >= 0 and an offset >= 0, "
                                "KURIER_BEGINNING, KURIER_END or KURIER_COMMITTED are needed",
                                i);
        if (p->offset == KURIER_COMMITTED && !c->membership)
            return kc_consumer_no_group(err);
    }
    return 0;
}

int kc_consumer_no_group(struct kb_error *err)
{
    return kb_error_set(err, KB_E_STATE, "without a group nothing is committed: set group.id");
}

static int no_memory(struct kb_error *err)
{
    return kb_error_set(err, KB_E_NO_MEMORY, "no memory for the assignment");
}

int kc_consumer_assign(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                       struct kb_error *err)
{
    int code = check(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++)
        if (!kc_consumer_share(c, positions[i].topic, positions[i].partition))
            code = no_memory(err);
    if (code)
        return code;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));)
        KB_MAP_VALUE(e, struct kc_share, by_key)->keep = false;
    for (size_t i = 0; i < n; i++)
        kc_consumer_find(c, positions[i].topic, positions[i].partition)->keep = true;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (share->fetch && !share->keep)
            kc_consumer_drop(c, share);
    }
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = kc_consumer_find(c, positions[i].topic, positions[i].partition);
        if (!share->fetch) {
            code = kc_consumer_add(c, share, positions[i].offset, positions[i].leader_epoch)
                       ? 0
                       : no_memory(err);
        } else {
            kc_fetch_seek(&c->fetcher, share->fetch, positions[i].offset,
                          positions[i].leader_epoch);
            publish(share);
        }
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

/* Each must be assigned. */
static int check_assigned(const struct kurier_consumer *c, const kurier_position *positions,
                          size_t n, struct kb_error *err)
{
    int code = check(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        const struct kc_share *share =
            kc_consumer_find(c, positions[i].topic, positions[i].partition);
        if (!share || !share->fetch)
            code = kb_error_set(err, KB_E_STATE, "%s[%d] is not assigned", positions[i].topic,
                                positions[i].partition);
    }
    return code;
}

int kc_consumer_seek(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                     struct kb_error *err)
{
    int code = check_assigned(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = kc_consumer_find(c, positions[i].topic, positions[i].partition);
        if (share->halted) /* its next owner begins at what is committed */
            continue;
        kc_fetch_seek(&c->fetcher, share->fetch, positions[i].offset, positions[i].leader_epoch);
        publish(share);
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

void kc_consumer_admit(struct kc_share *share)
{
    share->fetch->paused = atomic_load(&share->paused) || share->halted || share->untold;
}

int kc_consumer_pause(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                      bool paused, struct kb_error *err)
{
    int code = check_assigned(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = kc_consumer_find(c, positions[i].topic, positions[i].partition);
        atomic_store(&share->paused, paused);
        kc_consumer_admit(share);
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

size_t kc_consumer_assignment(struct kurier_consumer *c, kurier_position *out, size_t max)
{
    size_t n = 0;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (!share->fetch || n++ >= max)
            continue;
        int64_t handed = atomic_load(&share->handed);
        bool placed = share->fetch->state == KC_FETCH_READY;
        out[n - 1] = kurier_at(share->topic, share->partition,
                               handed >= 0 ? handed
                               : placed    ? share->fetch->start
                                           : share->fetch->reset_to);
    }
    return n;
}

void kc_consumer_rewind(struct kn_loop *loop, struct kn_mail *mail)
{
    (void)loop;
    struct kc_share *share = KB_CONTAINER(mail, struct kc_share, rewind);
    struct kc_feed *feed = share->feed;
    pthread_mutex_lock(&feed->lock);
    bool still = feed->client && share->fetch && share->rewind_version == share->fetch->version;
    int64_t to = share->rewind_to;
    bool slowly = share->rewind_slowly;
    share->rewinding = false;
    share->rewind_version = 0;
    struct kurier_consumer *c = feed->owner;
    pthread_mutex_unlock(&feed->lock);
    if (still) {
        kc_fetch_seek(&c->fetcher, share->fetch, to, -1);
        if (slowly)
            kc_fetch_wait(&c->fetcher, share->fetch, kn_loop_now(loop));
        if (feed->tracks) /* tickets say what of it still counts */
            kc_share_go_on(share, share->fetch->version);
        else
            publish(share);
        atomic_store(&share->handed, -1);
        kn_task_soon(loop, &c->look);
    }
    kc_share_unref(share);
}

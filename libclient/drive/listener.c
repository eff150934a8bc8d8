/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/listener.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/client.h"

/* ---- Life ----------------------------------------------------------------------*/

static void on_done(struct kn_loop *loop, struct kn_mail *mail);

void kc_listener_init(struct kc_listener *l, struct kurier_client *client,
                      struct kurier_consumer *consumer, const kurier_rebalance_listener *calls,
                      void (*over)(struct kurier_consumer *, struct kc_turn *),
                      void (*placed)(struct kurier_consumer *, struct kurier_placement *))
{
    *l = (struct kc_listener){.client = client,
                              .consumer = consumer,
                              .present = calls != NULL,
                              .over = over,
                              .placed = placed,
                              .done = {.fn = on_done}};
    if (calls)
        l->calls = *calls;
    pthread_mutex_init(&l->lock, NULL);
    kb_list_init(&l->turns);
    kb_error_clear(&l->told);
}

struct kc_turn *kc_turn_new(enum kc_change kind, size_t n)
{
    struct kc_turn *turn = KB_NEW(struct kc_turn);
    if (!turn)
        return NULL;
    kb_list_init(&turn->node);
    turn->kind = kind;
    turn->positions = kb_malloc(n * sizeof *turn->positions);
    if (turn->positions)
        return turn;
    kb_free(turn);
    return NULL;
}

void kc_turn_free(struct kc_turn *turn)
{
    if (turn)
        kb_free(turn->positions);
    kb_free(turn);
}

void kc_listener_deinit(struct kc_listener *l)
{
    struct kb_list *it;
    while ((it = kb_list_pop_front(&l->turns)))
        kc_turn_free(KB_CONTAINER(it, struct kc_turn, node));
    kc_turn_free(l->open);
    kc_placement_free(l->asked);
    pthread_mutex_destroy(&l->lock);
}

/* ---- What is due ---------------------------------------------------------------*/

/* Under the lock. */
static void consider(struct kc_listener *l)
{
    bool due = l->told.code || l->asked || (!l->open && !kb_list_empty(&l->turns));
    if (due == atomic_load(&l->due))
        return;
    atomic_store(&l->due, due);
    if (due)
        kc_client_pend(l->client, KURIER_REBALANCE);
    else
        kc_client_unpend(l->client, KURIER_REBALANCE);
}

void kc_listener_put(struct kc_listener *l, struct kc_turn *turn)
{
    pthread_mutex_lock(&l->lock);
    kb_list_push_back(&l->turns, &turn->node);
    consider(l);
    pthread_mutex_unlock(&l->lock);
}

void kc_listener_ask(struct kc_listener *l, struct kurier_placement *placement)
{
    pthread_mutex_lock(&l->lock);
    struct kurier_placement *before = l->asked;
    l->asked = placement;
    consider(l);
    pthread_mutex_unlock(&l->lock);
    kc_placement_free(before);
}

void kc_listener_tell(struct kc_listener *l, const struct kb_error *err)
{
    pthread_mutex_lock(&l->lock);
    l->told = *err;
    consider(l);
    pthread_mutex_unlock(&l->lock);
}

void kc_listener_force(struct kc_listener *l)
{
    pthread_mutex_lock(&l->lock);
    KB_LIST_EACH(it, &l->turns) {
        struct kc_turn *turn = KB_CONTAINER(it, struct kc_turn, node);
        if (turn->kind == KC_CHANGE_REVOKE)
            turn->kind = KC_CHANGE_LOSE;
    }
    if (l->open && l->open->kind == KC_CHANGE_REVOKE)
        l->open->forced = true;
    pthread_mutex_unlock(&l->lock);
}

void kc_listener_drop_revokes(struct kc_listener *l)
{
    pthread_mutex_lock(&l->lock);
    KB_LIST_EACH_SAFE(it, &l->turns) {
        struct kc_turn *turn = KB_CONTAINER(it, struct kc_turn, node);
        if (turn->kind != KC_CHANGE_REVOKE)
            continue;
        kb_list_remove(it);
        kc_turn_free(turn);
    }
    consider(l);
    pthread_mutex_unlock(&l->lock);
}

/* ---- Calling ---------------------------------------------------------------------*/

static struct kc_turn *take(struct kc_listener *l)
{
    pthread_mutex_lock(&l->lock);
    struct kb_list *it = l->open ? NULL : kb_list_pop_front(&l->turns);
    if (it) {
        l->open = KB_CONTAINER(it, struct kc_turn, node);
        l->returned = l->said_done = false;
    }
    consider(l);
    pthread_mutex_unlock(&l->lock);
    return it ? KB_CONTAINER(it, struct kc_turn, node) : NULL;
}

static void enter(struct kc_listener *l)
{
    atomic_store(&l->caller, pthread_self());
    atomic_store(&l->calling, true);
}

static void call(struct kc_listener *l, const struct kc_turn *turn)
{
    void (*fn)(void *, kurier_consumer *, const kurier_position *, size_t) =
        turn->kind == KC_CHANGE_ASSIGN   ? l->calls.assigned
        : turn->kind == KC_CHANGE_REVOKE ? l->calls.revoked
                                         : l->calls.lost;
    if (!fn)
        return;
    enter(l);
    fn(l->calls.ctx, l->consumer, turn->positions, turn->count);
    atomic_store(&l->calling, false);
}

bool kc_listener_is_caller(const struct kc_listener *l)
{
    return atomic_load(&l->calling) && pthread_equal(atomic_load(&l->caller), pthread_self());
}

/* The turn that is over, for the loop; NULL: it is not, or was ended already. */
static struct kc_turn *close_turn(struct kc_listener *l)
{
    struct kc_turn *turn = NULL;
    pthread_mutex_lock(&l->lock);
    bool waits = l->open && l->open->kind == KC_CHANGE_REVOKE && l->calls.deferred &&
                 l->calls.revoked && !l->said_done;
    if (l->open && l->returned && !waits) {
        turn = l->open;
        l->open = NULL;
        consider(l);
    }
    pthread_mutex_unlock(&l->lock);
    return turn;
}

/* On the loop. One that was forced is told again, as what it has become. */
static void end_turn(struct kc_listener *l, struct kc_turn *turn)
{
    if (!turn)
        return;
    if (turn->forced) {
        turn->forced = false;
        turn->kind = KC_CHANGE_LOSE;
        pthread_mutex_lock(&l->lock);
        kb_list_push_front(&l->turns, &turn->node);
        consider(l);
        pthread_mutex_unlock(&l->lock);
        return;
    }
    l->over(l->consumer, turn);
}

static void come_back(void *ctx)
{
    struct kc_listener *l = ctx;
    end_turn(l, close_turn(l));
}

/* ---- The application's assignor ------------------------------------------------------*/

struct answer {
    struct kc_listener *listener;
    struct kurier_placement *placement;
};

static void hand_over(void *ctx)
{
    struct answer *answer = ctx;
    answer->listener->placed(answer->listener->consumer, answer->placement);
}

static void assign(struct kc_listener *l)
{
    pthread_mutex_lock(&l->lock);
    struct answer answer = {l, l->asked};
    l->asked = NULL;
    consider(l);
    pthread_mutex_unlock(&l->lock);
    if (!answer.placement)
        return;
    enter(l);
    kc_placement_run(answer.placement);
    atomic_store(&l->calling, false);
    kc_runtime_run(l->client->runtime, hand_over, &answer);
}

int kc_listener_attend(struct kc_listener *l, struct kb_error *err)
{
    struct kc_turn *turn;
    assign(l);
    while ((turn = take(l))) {
        call(l, turn);
        pthread_mutex_lock(&l->lock);
        l->returned = true;
        pthread_mutex_unlock(&l->lock);
        kc_runtime_run(l->client->runtime, come_back, l);
    }
    pthread_mutex_lock(&l->lock);
    struct kb_error told = l->told;
    kb_error_clear(&l->told);
    consider(l);
    pthread_mutex_unlock(&l->lock);
    if (told.code && err)
        *err = told;
    return told.code;
}

static void on_done(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kc_listener *l = KB_CONTAINER(mail, struct kc_listener, done);
    (void)loop;
    come_back(l);
}

/* Only of a deferred call, once; the mail is on its way at most once for each. */
void kc_listener_revoke_done(struct kc_listener *l)
{
    pthread_mutex_lock(&l->lock);
    bool first = l->open && l->open->kind == KC_CHANGE_REVOKE && l->calls.deferred && !l->said_done;
    if (first)
        l->said_done = true;
    bool post = first && l->returned;
    pthread_mutex_unlock(&l->lock);
    if (post)
        kn_loop_post(kc_client_loop(l->client), &l->done);
}

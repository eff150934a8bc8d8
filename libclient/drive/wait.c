/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/wait.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/runtime.h"
#include "net/loop.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 *   FREE ──take──> ARMED ──kc_wake──> WOKEN
 *     ^───────────leave─┴──────────────┘
 */
enum { FREE, ARMED, WOKEN };

struct kc_slot {
    struct kc_slot *next; /* set before the slot is published */
    int fd;
    atomic_int state;
    atomic_uint interest;
};

void kc_waits_init(struct kc_waits *waits)
{
    atomic_init(&waits->slots, NULL);
    atomic_init(&waits->woken, false);
}

void kc_waits_deinit(struct kc_waits *waits)
{
    struct kc_slot *slot = atomic_load(&waits->slots);
    while (slot) {
        struct kc_slot *next = slot->next;
        close(slot->fd);
        kb_free(slot);
        slot = next;
    }
    atomic_store(&waits->slots, NULL);
}

/* Only write(2) and errno: fit for a signal handler. */
static void ring(const struct kc_slot *slot)
{
    static const uint64_t one = 1;
    ssize_t written = write(slot->fd, &one, sizeof one);
    (void)written; /* full: it is readable, which is all we want */
}

static void drain(const struct kc_slot *slot)
{
    uint64_t count;
    ssize_t got = read(slot->fd, &count, sizeof count);
    (void)got; /* EAGAIN: nothing was there */
}

static struct kc_slot *slot_new(struct kc_waits *waits)
{
    struct kc_slot *slot = KB_NEW(struct kc_slot);
    if (!slot)
        return NULL;
    slot->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slot->fd < 0) {
        kb_free(slot);
        return NULL;
    }
    atomic_init(&slot->state, ARMED);
    slot->next = atomic_load(&waits->slots);
    while (!atomic_compare_exchange_weak(&waits->slots, &slot->next, slot))
        ;
    return slot;
}

static struct kc_slot *slot_take(struct kc_waits *waits)
{
    for (struct kc_slot *slot = atomic_load(&waits->slots); slot; slot = slot->next) {
        int expected = FREE;
        if (atomic_compare_exchange_strong(&slot->state, &expected, ARMED))
            return slot;
    }
    return slot_new(waits);
}

void kc_notify(struct kc_waits *waits, uint32_t interest)
{
    atomic_thread_fence(memory_order_seq_cst); /* what changed is seen, or the slot is */
    for (struct kc_slot *slot = atomic_load(&waits->slots); slot; slot = slot->next)
        if (atomic_load(&slot->state) != FREE && atomic_load(&slot->interest) & interest)
            ring(slot);
}

void kc_wake(struct kc_waits *waits)
{
    int saved = errno;
    bool anyone = false;
    atomic_store(&waits->woken, true); /* first: for one that arms while we look */
    for (struct kc_slot *slot = atomic_load(&waits->slots); slot; slot = slot->next) {
        int expected = ARMED;
        if (atomic_compare_exchange_strong(&slot->state, &expected, WOKEN))
            ring(slot);
        anyone |= expected != FREE;
    }
    if (anyone)
        atomic_store(&waits->woken, false);
    errno = saved;
}

/* Sleeps until rung, a signal (false), or left_ms are over. */
static bool sleep_on(int fd, int also_fd, int64_t left_ms)
{
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {also_fd, POLLIN, 0}};
    struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000};
    return ppoll(fds, 1 + (also_fd >= 0), left_ms < 0 ? NULL : &left, NULL) >= 0 || errno != EINTR;
}

/* A driven runtime is stepped by whoever waits. */
static bool step_on(const struct kc_slot *slot, struct kurier_runtime *runtime, int64_t left_ms)
{
    int fd = kn_loop_fd(runtime->loop);
    if (fd < 0) { /* a simulated world sleeps inside step */
        kn_loop_step(runtime->loop, left_ms);
        return true;
    }
    if (!sleep_on(slot->fd, fd, left_ms))
        return false;
    kn_loop_step(runtime->loop, 0);
    return true;
}

static int interrupted(struct kb_error *err)
{
    return kb_error_set(err, KB_E_INTERRUPTED, "the wait was ended by a wake or a signal");
}

static int timed_out(struct kb_error *err, int timeout_ms)
{
    return kb_error_set(err, KB_E_TIMED_OUT, "not done within %d ms", timeout_ms);
}

static int wait_armed(struct kc_waits *waits, struct kc_slot *slot, struct kurier_runtime *runtime,
                      kc_ready_fn *ready, void *ctx, int timeout_ms, struct kb_error *err)
{
    int64_t deadline_ms = kb_deadline(kc_runtime_now(runtime), timeout_ms);
    bool undisturbed = !atomic_exchange(&waits->woken, false);
    while (!ready(ctx)) {
        if (!undisturbed || atomic_load(&slot->state) == WOKEN)
            return interrupted(err);
        int64_t left_ms = kb_time_left(kc_runtime_now(runtime), deadline_ms);
        if (left_ms == 0)
            return timed_out(err, timeout_ms);
        undisturbed = kc_runtime_is_driven(runtime) ? step_on(slot, runtime, left_ms)
                                                    : sleep_on(slot->fd, -1, left_ms);
        drain(slot);
    }
    return 0;
}

int kc_wait(struct kc_waits *waits, struct kurier_runtime *runtime, uint32_t interest,
            kc_ready_fn *ready, void *ctx, int timeout_ms, struct kb_error *err)
{
    if (ready(ctx))
        return 0;
    if (timeout_ms == 0)
        return timed_out(err, timeout_ms);
    struct kc_slot *slot = slot_take(waits);
    if (!slot)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory or no descriptor left to wait with");
    atomic_store(&slot->interest, interest);
    atomic_thread_fence(memory_order_seq_cst); /* the pair of the one in kc_notify */
    int code = wait_armed(waits, slot, runtime, ready, ctx, timeout_ms, err);
    atomic_store(&slot->interest, 0);
    atomic_store(&slot->state, FREE);
    drain(slot);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/producer/interleave.h"
#include "base/check.h"
#include "base/lock.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { IL_STACK = 32 * 1024, IL_DEAD = 4096, IL_DEPTH = 4096, IL_STEPS = 100000 };

struct il_thread {
    ucontext_t context; /* to begin with; then `here`, without system calls */
    jmp_buf here;
    bool begun;
    char *stack;
    enum { IL_RUNNABLE, IL_BLOCKED, IL_LOCKED, IL_CHOOSES, IL_DONE } state;
    struct kb_lock *wants;
    int options, chosen;
    const char *deepest; /* where its stack ends now */
    uint64_t hash;       /* of stack and registers; 0: it ran since */
};

static struct {
    const struct il_scenario *scenario;
    struct il_thread threads[IL_THREADS];
    ucontext_t template;
    jmp_buf home;
    int current;
    /* the choices of this run */
    struct {
        int chosen, options;
    } path[IL_DEPTH];
    int depth, length;
    /* states met */
    uint64_t *seen;
    size_t seen_size;
    struct il_result result;
} il;

uint64_t il_mix(uint64_t hash, uint64_t value)
{
    hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
    hash ^= hash >> 31;
    hash *= 0xbf58476d1ce4e5b9;
    return hash ^ (hash >> 29);
}

/* ---- States ----------------------------------------------------------------- */

static void seen_grow(void)
{
    uint64_t *old = il.seen;
    size_t old_size = il.seen_size;
    il.seen_size = old_size ? old_size * 2 : 1 << 16;
    il.seen = calloc(il.seen_size, sizeof *il.seen);
    KB_CHECK(il.seen);
    for (size_t i = 0; i < old_size; i++)
        if (old[i]) {
            size_t at = old[i] & (il.seen_size - 1);
            while (il.seen[at])
                at = (at + 1) & (il.seen_size - 1);
            il.seen[at] = old[i];
        }
    free(old);
}

/* False: met before. */
static bool meet(uint64_t key)
{
    if (il.result.states * 2 >= il.seen_size)
        seen_grow();
    key |= key == 0;
    size_t at = key & (il.seen_size - 1);
    while (il.seen[at]) {
        if (il.seen[at] == key)
            return false;
        at = (at + 1) & (il.seen_size - 1);
    }
    il.seen[at] = key;
    il.result.states++;
    return true;
}

static __attribute__((no_sanitize_address)) uint64_t hash_thread(struct il_thread *self)
{
    if (self->hash || !self->begun)
        return self->hash;
    uint64_t hash = 0;
    const uint64_t *registers = (const uint64_t *)(const void *)self->here;
    for (size_t i = 0; i < sizeof self->here[0].__jmpbuf / sizeof *registers; i++)
        hash = il_mix(hash, registers[i]);
    const uint64_t *end = (const uint64_t *)(const void *)(self->stack + IL_STACK);
    for (const uint64_t *at = (const uint64_t *)(const void *)self->deepest; at < end; at++)
        hash = il_mix(hash, *at);
    return self->hash = hash | 1;
}

static uint64_t state_key(uint64_t what)
{
    uint64_t key = il_mix(what, il.scenario->hash(il.scenario->ctx));
    for (int i = 0; i < IL_THREADS; i++)
        key = il_mix(il_mix(key, hash_thread(&il.threads[i])), il.threads[i].state);
    return key;
}

/* -1: this state was met before. */
static int decide(int options, uint64_t what)
{
    if (options == 1)
        return 0;
    if (il.depth == il.length) {
        if (!meet(state_key(what)))
            return -1;
        KB_CHECK(il.length < IL_DEPTH);
        il.path[il.length].chosen = 0;
        il.path[il.length++].options = options;
    }
    return il.path[il.depth++].chosen;
}

/* ---- Threads ----------------------------------------------------------------- */

/* Its frame lies right below the caller's. */
static __attribute__((noinline)) void mark_stack(struct il_thread *self)
{
    self->deepest = __builtin_frame_address(0);
}

/* What returned calls left behind would make equal states look different. */
static __attribute__((no_sanitize_address)) void clear_dead_stack(struct il_thread *self)
{
    volatile uint64_t *end = (volatile uint64_t *)(void *)(uintptr_t)self->deepest;
    for (volatile uint64_t *at = end - IL_DEAD / sizeof *end; at < end; at++)
        *at = 0;
}

static void leave(void)
{
    struct il_thread *self = &il.threads[il.current];
    mark_stack(self);
    if (!_setjmp(self->here))
        _longjmp(il.home, 1);
}

static void enter(int i)
{
    struct il_thread *thread = &il.threads[i];
    il.current = i;
    if (_setjmp(il.home))
        return;
    if (thread->begun)
        _longjmp(thread->here, 1);
    thread->begun = true;
    setcontext(&thread->context);
}

void il_step(void)
{
    leave();
}

void il_block(void)
{
    il.threads[il.current].state = IL_BLOCKED;
    leave();
}

int il_choose(int options)
{
    struct il_thread *self = &il.threads[il.current];
    self->state = IL_CHOOSES;
    self->options = options;
    leave();
    return self->chosen;
}

void il_lock_enter(struct kb_lock *lock)
{
    struct il_thread *self = &il.threads[il.current];
    self->state = IL_LOCKED;
    self->wants = lock;
    leave();
    lock->word = 1;
}

bool il_lock_try(struct kb_lock *lock)
{
    il_step();
    if (lock->word)
        return false;
    lock->word = 1;
    return true;
}

void il_lock_leave(struct kb_lock *lock)
{
    il_step();
    KB_CHECK(lock->word == 1);
    lock->word = 0;
}

static void thread_main(int i)
{
    il.scenario->threads[i](il.scenario->ctx);
    il.threads[i].state = IL_DONE;
    leave();
}

static bool can_go(int i)
{
    struct il_thread *thread = &il.threads[i];
    if (thread->state == IL_LOCKED)
        return thread->wants->word == 0;
    if (thread->state == IL_BLOCKED)
        return il.scenario->ready[i](il.scenario->ctx);
    return thread->state == IL_RUNNABLE || thread->state == IL_CHOOSES;
}

static void start(void)
{
    il.scenario->reset(il.scenario->ctx);
    il.depth = 0;
    for (int i = 0; i < IL_THREADS; i++) {
        struct il_thread *thread = &il.threads[i];
        if (!thread->stack)
            thread->stack = calloc(1, IL_STACK);
        thread->state = IL_RUNNABLE;
        memset(thread->stack + IL_STACK - IL_DEAD, 0, IL_DEAD);
        thread->hash = 0;
        thread->begun = false;
        thread->context = il.template; /* the same registers in every run */
        thread->context.uc_stack.ss_sp = thread->stack;
        thread->context.uc_stack.ss_size = IL_STACK;
        thread->context.uc_link = NULL;
        makecontext(&thread->context, (void (*)(void))thread_main, 1, i);
    }
}

/* False: the state was met before. */
static bool advance(int i)
{
    struct il_thread *thread = &il.threads[i];
    if (thread->state == IL_CHOOSES) {
        thread->chosen = decide(thread->options, 2 + (uint64_t)i);
        if (thread->chosen < 0)
            return false;
    }
    thread->state = IL_RUNNABLE;
    il.result.steps++;
    thread->hash = 0;
    enter(i);
    clear_dead_stack(thread);
    return true;
}

static void run(void)
{
    start();
    il.result.runs++;
    for (int steps = 0;; steps++) {
        KB_CHECK(steps < IL_STEPS);
        int able[IL_THREADS], count = 0;
        for (int i = 0; i < IL_THREADS; i++)
            if (can_go(i))
                able[count++] = i;
        if (count == 0) {
            il.result.outcomes++;
            il.scenario->finished(il.scenario->ctx);
            return;
        }
        int chosen = decide(count, 1);
        if (chosen < 0 || !advance(able[chosen]))
            return;
    }
}

/* To the newest choice with an alternative left. False: all were tried. */
static bool backtrack(void)
{
    while (il.length > 0) {
        if (++il.path[il.length - 1].chosen < il.path[il.length - 1].options)
            return true;
        il.length--;
    }
    return false;
}

struct il_result il_explore(const struct il_scenario *scenario, uint64_t max_runs)
{
    il.scenario = scenario;
    il.result = (struct il_result){0};
    il.length = 0;
    getcontext(&il.template);
    free(il.seen); /* of an exploration that failed */
    il.seen = NULL;
    il.seen_size = 0;
    do {
        run();
        il.result.complete = !backtrack();
    } while (!il.result.complete && il.result.runs != max_runs);
    free(il.seen);
    il.seen = NULL;
    il.seen_size = 0;
    for (int i = 0; i < IL_THREADS; i++) {
        free(il.threads[i].stack);
        il.threads[i].stack = NULL;
    }
    return il.result;
}

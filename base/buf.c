/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>

static void release_to_heap(struct kb_buf *buf)
{
    kb_free(buf);
}

struct kb_buf *kb_buf_new(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct kb_buf))
        return NULL;
    struct kb_buf *buf = kb_malloc(sizeof *buf + capacity);
    if (!buf)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->data = (uint8_t *)(buf + 1);
    buf->size = 0;
    buf->capacity = capacity;
    buf->release = release_to_heap;
    buf->owner = NULL;
    return buf;
}

struct kb_buf *kb_buf_ref(struct kb_buf *buf)
{
    unsigned before = atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    KB_CHECK(before > 0);
    return buf;
}

void kb_buf_unref(struct kb_buf *buf)
{
    if (!buf)
        return;
    unsigned before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    KB_CHECK(before > 0);
    if (before == 1)
        buf->release(buf);
}

/*
 * The pool lives as long as its user's reference or a block that is out:
 * `holders` counts both. An idle block is a kb_buf with no reference whose
 * `owner` is the next idle one.
 */
struct kb_pool {
    pthread_mutex_t lock;
    struct kb_buf *idle;
    size_t idle_count, keep, block_size, holders;
};

struct kb_pool *kb_pool_new(size_t block_size, size_t keep)
{
    struct kb_pool *pool = KB_NEW(struct kb_pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pool->block_size = block_size;
    pool->keep = keep;
    pool->holders = 1;
    return pool;
}

static void pool_free(struct kb_pool *pool)
{
    while (pool->idle) {
        struct kb_buf *buf = pool->idle;
        pool->idle = buf->owner;
        kb_free(buf);
    }
    pthread_mutex_destroy(&pool->lock);
    kb_free(pool);
}

/* Ends with the lock released and perhaps the pool gone. */
static void pool_drop_holder(struct kb_pool *pool)
{
    bool last = --pool->holders == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        pool_free(pool);
}

static void release_to_pool(struct kb_buf *buf)
{
    struct kb_pool *pool = buf->owner;
    pthread_mutex_lock(&pool->lock);
    bool keep = pool->idle_count < pool->keep;
    if (keep) {
        buf->owner = pool->idle;
        pool->idle = buf;
        pool->idle_count++;
    }
    pool_drop_holder(pool);
    if (!keep)
        kb_free(buf);
}

static struct kb_buf *pool_pop(struct kb_pool *pool)
{
    struct kb_buf *buf = pool->idle;
    if (buf) {
        pool->idle = buf->owner;
        pool->idle_count--;
    }
    return buf;
}

struct kb_buf *kb_pool_take(struct kb_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->holders++;
    struct kb_buf *buf = pool_pop(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!buf)
        buf = kb_buf_new(pool->block_size);
    if (!buf) {
        pthread_mutex_lock(&pool->lock);
        pool_drop_holder(pool);
        return NULL;
    }
    atomic_store_explicit(&buf->refs, 1, memory_order_relaxed);
    buf->size = 0;
    buf->release = release_to_pool;
    buf->owner = pool;
    return buf;
}

void kb_pool_unref(struct kb_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool_drop_holder(pool);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/watches.h"
#include "base/mem.h"

struct place {
    struct kb_map_entry entry;
    struct kb_list waiting[2]; /* by kd_watch_kind */
    char path[];
};

void kd_meta_watch_init(struct kd_meta_watch *watch,
                        void (*fn)(struct kd_meta_watch *, enum kd_meta_event, const char *path))
{
    watch->fn = fn;
    watch->place = NULL;
    kb_list_init(&watch->link);
}

void kd_watches_init(struct kd_watches *watches, uint64_t seed)
{
    kb_map_init(&watches->places, seed);
}

static struct place *find(const struct kd_watches *watches, struct kb_slice path)
{
    return KB_MAP_VALUE(kb_map_get(&watches->places, path), struct place, entry);
}

static struct place *place_new(struct kd_watches *watches, const char *path)
{
    size_t size = strlen(path) + 1;
    struct place *place = kb_calloc(1, sizeof *place + size);
    if (!place)
        return NULL;
    memcpy(place->path, path, size);
    kb_list_init(&place->waiting[KD_WATCH_NODE]);
    kb_list_init(&place->waiting[KD_WATCH_CHILDREN]);
    if (kb_map_put(&watches->places, &place->entry, kb_slice_str(place->path)))
        return place;
    kb_free(place);
    return NULL;
}

static void drop_if_idle(struct kd_watches *watches, struct place *place)
{
    if (!kb_list_empty(&place->waiting[KD_WATCH_NODE]) ||
        !kb_list_empty(&place->waiting[KD_WATCH_CHILDREN]))
        return;
    kb_map_remove(&watches->places, &place->entry);
    kb_free(place);
}

bool kd_watches_arm(struct kd_watches *watches, const char *path, enum kd_watch_kind kind,
                    struct kd_meta_watch *watch)
{
    kd_watches_disarm(watches, watch);
    struct place *place = find(watches, kb_slice_str(path));
    if (!place && !(place = place_new(watches, path)))
        return false;
    watch->place = place;
    kb_list_push_back(&place->waiting[kind], &watch->link);
    return true;
}

void kd_watches_disarm(struct kd_watches *watches, struct kd_meta_watch *watch)
{
    struct place *place = watch->place;
    if (!place)
        return;
    kb_list_remove(&watch->link);
    watch->place = NULL;
    drop_if_idle(watches, place);
}

void kd_watches_deinit(struct kd_watches *watches)
{
    struct kb_map_entry *entry = kb_map_next(&watches->places, NULL);
    while (entry) {
        struct place *place = KB_CONTAINER(entry, struct place, entry);
        entry = kb_map_next(&watches->places, entry);
        struct kb_list *link;
        for (int kind = 0; kind < 2; kind++)
            while ((link = kb_list_pop_front(&place->waiting[kind])))
                KB_CONTAINER(link, struct kd_meta_watch, link)->place = NULL;
        drop_if_idle(watches, place);
    }
    kb_map_deinit(&watches->places);
}

/* Those that wait now; what a callback arms anew waits for the next write. */
static void fire(struct kd_watches *watches, struct kb_slice path, enum kd_watch_kind kind,
                 enum kd_meta_event event)
{
    char name[KD_META_MAX_PATH + 12];
    struct place *place = find(watches, path);
    size_t left = 0;
    if (!place)
        return;
    memcpy(name, place->path, path.size + 1);
    KB_LIST_EACH(it, &place->waiting[kind])
        left++;
    while (left-- > 0 && (place = find(watches, kb_slice_str(name))) &&
           !kb_list_empty(&place->waiting[kind])) {
        struct kd_meta_watch *watch =
            KB_LIST_FIRST(&place->waiting[kind], struct kd_meta_watch, link);
        kd_watches_disarm(watches, watch);
        watch->fn(watch, event, name);
    }
}

static struct kb_slice parent_of(const char *path)
{
    size_t size = (size_t)(strrchr(path, '/') - path);
    return kb_slice_of(path, size ? size : 1);
}

void kd_watches_fire(struct kd_watches *watches, const struct kd_meta_op *op, const char *path)
{
    static const enum kd_meta_event events[] = {[KD_META_CREATE] = KD_META_CREATED,
                                                [KD_META_SET] = KD_META_CHANGED,
                                                [KD_META_DELETE] = KD_META_DELETED};
    if (op->kind == KD_META_CHECK)
        return;
    fire(watches, kb_slice_str(path), KD_WATCH_NODE, events[op->kind]);
    if (op->kind == KD_META_SET)
        return;
    if (op->kind == KD_META_DELETE)
        fire(watches, kb_slice_str(path), KD_WATCH_CHILDREN, KD_META_DELETED);
    fire(watches, parent_of(path), KD_WATCH_CHILDREN, KD_META_CHILDREN);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_H
#define KC_ADMIN_H
/*
 * Administration: a request is a row of a table and a list of items, the things
 * that it asks for; one machine runs them all.
 *
 *   begin ──> locate ──> parts: one request per broker ──all answered──> over
 *     ^       who leads, who is there                                     │
 *     ├── backoff: an item is left that time heals, and there is time <───┤
 *     ├── `instead`: the broker does not know the API <───────────────────┤
 *     └───────────────────────────────────────────────────────────────────┴─> result
 *
 * Item i has the i-th info of the result from the beginning on; answers come by
 * name and partition, from whichever broker. An item whose answer says that time
 * heals it is asked for again, alone, once it was located anew; the others stay
 * answered. A request for all there is has no items: infos are added as they come.
 * A broker that is too old for a row is asked by another one, `instead`; and so is
 * an item that an answer says is not to be found by this one.
 *
 * A kind of request is a file (topics.c, records.c ...) with its constructor, its
 * row, what it writes and what it reads; table.h is what these share. Everything
 * here belongs to the loop, but for the request before it is submitted and the
 * result after it was handed out.
 */
#include "base/arena.h"
#include "kurier/groups.h"
#include "kurier/txn_admin.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"
#include "wire/gen/metadata.h"

struct kc_admin;
struct kc_admin_item;
struct kc_admin_part;
union kc_admin_info;
struct kw_reader;
struct kw_writer;

/* ---- The table ------------------------------------------------------------------*/

/* Whom to ask, beside KC_ANY_BROKER and KC_CONTROLLER. */
enum {
    KC_ROUTE_LEADERS = -3, /* of each item's partition */
    KC_ROUTE_BROKERS = -4, /* an item is a broker */
    KC_ROUTE_EACH = -5,    /* the item's own node, which may be KC_ANY_BROKER */
    KC_ROUTE_GROUPS = -6,  /* the coordinator of each item's group */
    KC_ROUTE_ALL = -7,     /* every broker knows a share of all there is */
    KC_ROUTE_TXNS = -8     /* the coordinator of each item, a transactional id */
};

enum { KC_ADMIN_RETRIES = 6 };

struct kc_admin_api {
    const char *name;      /* of the constructor, for errors */
    const char *since;     /* the first Kafka that has it; NULL: all have */
    kurier_item_kind kind; /* of its infos */
    uint32_t flags;        /* KURIER_VALIDATE_ONLY ...: those it knows */
    int16_t key, min_version, max_version;
    int16_t route;
    bool together; /* items of one name and partition are one question */
    bool alone;    /* one item a request */
    /* The lowest version that can say what is asked. NULL: min_version. */
    int16_t (*needs)(const kurier_request *request);
    /* What an item's info begins with, beside name and partition. NULL: nothing. */
    void (*start)(const struct kc_admin_item *item, union kc_admin_info *info);
    int (*encode)(struct kc_admin_part *part, int16_t version, struct kw_writer *out);
    /* Reads the answer into infos. Not 0: err says why it cannot; or KC_ADMIN_MORE. */
    int (*take)(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                struct kb_error *err);
    const struct kc_admin_api *instead; /* where a broker does not know this one; same route */
    const struct kc_admin_api *by_id;   /* under KURIER_BY_ID; NULL: this one too */
    int16_t retry[KC_ADMIN_RETRIES];    /* what time heals, beside what its route makes so */
    int16_t twice; /* how it ends where an earlier try went through unheard; 0: as the first */
};

enum { KC_ADMIN_MORE = 1 }; /* the same broker is asked for the next page */

/* ---- Requests and results ---------------------------------------------------------*/

struct kc_admin_item {
    const char *name;
    int32_t partition; /* with the name: what its answer is found by */
    int32_t node;      /* whom to ask; below -1 only KC_CONTROLLER */
    uint32_t turn;     /* so many like it are asked before */
    bool told;         /* in this attempt */
    bool instead;      /* asked by the row's other API */
    bool done, lost;   /* lost: a try may have gone through, its answer is not known */
    int64_t number;    /* the row's own: an offset ... */
    const void *with;  /* the row's own */
};

struct kurier_request {
    const struct kc_admin_api *api;
    struct kb_arena arena; /* of all below */
    struct kc_admin_item *items;
    size_t count;
    bool all;            /* no items: all there is */
    uint32_t flags;      /* KURIER_VALIDATE_ONLY ... */
    int32_t option;      /* the row's own */
    const void *with;    /* the row's own */
    const char *group;   /* whose partitions or members items are; NULL: items are groups */
    struct kb_error err; /* it makes no sense */
    /* Once it is done, and not failed as a whole: true goes on with what kc_admin_go_on
     * or kc_admin_go_on_with has put in its place. NULL: that was all. */
    bool (*follow)(struct kc_admin *admin);
};

union kc_admin_info {
    kurier_item item;
    kurier_topic_info topic;
    kurier_offset_info offset;
    kurier_resource_info resource;
    kurier_cluster_info cluster;
    kurier_log_dirs_info log_dirs;
    kurier_reassignment_info reassignment;
    kurier_producers_info producers;
    kurier_versions_info versions;
    kurier_group_info group;
    kurier_group_offsets_info group_offsets;
    kurier_transaction_info transaction;
    kurier_hanging_info hanging;
};

struct kurier_result {
    struct kb_list node; /* in the client's results */
    struct kb_arena arena;
    kurier_item_kind kind;
    union kc_admin_info *infos;
    size_t count, capacity;
    uint64_t opaque;
    struct kb_error err; /* the request as a whole failed */
};

/* ---- The machine -------------------------------------------------------------------*/

struct kc_admin_part {
    struct kc_ask ask;
    struct kb_list all;
    struct kc_admin *admin;
    const struct kc_admin_api *api;
    int32_t node;
    int16_t version;              /* of what was asked */
    struct kc_admin_item **items; /* by name and partition */
    size_t count;
    struct { /* of rows with pages */
        const char *topic;
        int32_t partition;
        size_t room; /* for partitions of the last topic */
    } page;
};

/* A request that is done, of those that follow each other, and what came of it. */
struct kc_admin_stage {
    kurier_request *request;
    kurier_result *result;
};
enum { KC_ADMIN_STAGES = 3 };

struct kc_admin {
    struct kc_call call;
    struct kb_list all; /* of the cluster's */
    kurier_request *request;
    kurier_result *result;                         /* NULL once handed out */
    bool submitted;                                /* to the client's results, nobody waits */
    struct kc_admin_stage before[KC_ADMIN_STAGES]; /* oldest first */
    size_t stages;

    struct kc_admin_item **left; /* [count] of the items not done, for this attempt */
    size_t left_count;
    struct kc_ask locating;
    struct kb_list parts;
    size_t unanswered;
    bool all_instead;           /* of a request for all: asked by the row's other API */
    bool again, instead, heard; /* heard: some broker said something about some item */
    struct kb_error err;        /* of this attempt: the first that failed */
    struct kn_timer timer;
    struct kc_backoff backoff;
};

/* A call that runs the request, which it takes. NULL: no memory, request freed. */
struct kc_admin *kc_admin_new(struct kurier_client *client, kurier_request *request);
/* The client is closing. */
void kc_admin_close(struct kurier_client *client);
/* Results that nobody took. */
void kc_admin_forget(struct kurier_client *client);
void kc_request_free(kurier_request *request);
void kc_result_free(kurier_result *result);

/* ---- Requests that follow each other: chain.c ------------------------------------------*/

/* Keeps what came of this one in `before`, and puts another in its place, which it takes.
 * False: no memory, which the call ends with. */
bool kc_admin_go_on(struct kc_admin *admin, kurier_request *request);
/* The items that did not fail are asked by another row, whose infos say no more than an
 * outcome. */
void kc_admin_go_on_with(struct kc_admin *admin, const struct kc_admin_api *api);
/* What was asked is answered: the result becomes an empty one of this row's kind, to be
 * filled by kc_result_add. False: no memory, which the call ends with. */
bool kc_admin_conclude(struct kc_admin *admin, const struct kc_admin_api *api);
void kc_admin_forget_stages(struct kc_admin *admin);

/* ---- Between run.c, locate.c, coordinators.c, answer.c --------------------------------*/

/* All there is: infos are added as they come. */
bool kc_admin_is_open(const struct kc_admin *admin);
/* What the item is asked by; NULL: a request for all. */
const struct kc_admin_api *kc_admin_api(const struct kc_admin *admin,
                                        const struct kc_admin_item *item);
/* By a route of coordinators. */
bool kc_admin_is_coordinated(const struct kc_admin *admin);
/* Asks Metadata for what the items left need; kc_admin_located comes. */
void kc_admin_locate(struct kc_admin *admin);
/* The same by FindCoordinator. */
void kc_admin_find_coordinators(struct kc_admin *admin);
bool kc_admin_must_locate(const struct kc_admin *admin);
void kc_admin_located(struct kc_admin *admin);
/* Asks that broker about these; NULL: about all it knows. False: no memory. */
bool kc_admin_add_part(struct kc_admin *admin, int32_t node, struct kc_admin_item **items,
                       size_t count);
bool kc_admin_heals(const struct kc_admin_api *api, int code); /* with time */
/* Sorts those left by node, turn, name, partition. */
void kc_admin_sort_left(struct kc_admin *admin);
int kc_admin_compare(const struct kc_admin_item *a, const struct kc_admin_item *b);

/* NULL: no memory. */
kurier_result *kc_result_new(const kurier_request *request);
/* One more, of a result without items of its own. NULL: no memory, as arena.failed says. */
union kc_admin_info *kc_result_add(kurier_result *result, struct kb_slice name, int32_t partition);
void kc_result_set_outcome(kurier_result *result, union kc_admin_info *info, int code,
                           struct kb_slice text);
/* Makes the infos of the items. False: no memory. */
bool kc_result_begin(kurier_result *result, const kurier_request *request);
union kc_admin_info *kc_admin_info(struct kc_admin *admin, const struct kc_admin_item *item);
/* A broker's word on the item. NULL text: the code's. again: time heals it. */
void kc_admin_settle(struct kc_admin *admin, struct kc_admin_item *item, int code, const char *text,
                     bool again);
/* All of these failed with err. */
void kc_admin_fail_items(struct kc_admin *admin, struct kc_admin_item **items, size_t count,
                         const struct kn_answer *answer);
/* distinct: what several brokers told of is there once. */
void kc_result_sort(kurier_result *result, bool distinct);

#endif

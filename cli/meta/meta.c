/* SPDX-License-Identifier: Apache-2.0 */
/* meta ls, meta get: the tree of a kurierd's metadata store, read from its files. */
#include "base/mem.h"
#include "broker/meta/tree.h"
#include "cli/commands.h"
#include "cli/meta/store.h"
#include <inttypes.h>
#include <string.h>

/* ---- Names -------------------------------------------------------------------------------*/

/* The path of the command line: "/a/b/" is "/a/b", none is "/". NULL: it is none. */
static char *tidy(const struct args *args)
{
    static char root[] = "/";
    char *path = args->operand_count > 1 ? args->operands[1] : root;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    return *path == '/' ? path : NULL;
}

/* ---- ls ----------------------------------------------------------------------------------*/

static void print_node(struct js *json, const struct args *args, const struct kd_tree_node *node)
{
    if (!args->json) {
        out_format(args->out, "%s\n", args->all ? node->path : kd_tree_name(node));
        return;
    }
    js_open(json, NULL, '{');
    js_text(json, "path", node->path);
    js_number(json, "bytes", (int64_t)node->size);
    js_number(json, "children", node->child_count);
    js_number(json, "version", node->version);
    js_number(json, "created_zxid", node->created);
    js_number(json, "modified_zxid", node->modified);
    js_close(json, '}');
}

static void print_children(struct js *json, const struct args *args,
                           const struct kd_tree_node *node)
{
    const struct kb_list *link;
    for (link = node->children.next; link != &node->children; link = link->next) {
        const struct kd_tree_node *child = KB_CONTAINER(link, struct kd_tree_node, siblings);
        print_node(json, args, child);
        if (args->all)
            print_children(json, args, child);
    }
}

static void list(const struct args *args, const struct kd_tree_node *node)
{
    struct js json = js_to(args->out);
    if (args->json)
        js_open(&json, NULL, '[');
    print_children(&json, args, node);
    if (args->json) {
        js_close(&json, ']');
        js_end(&json);
    }
}

/* ---- get ---------------------------------------------------------------------------------*/

static void get(const struct args *args, const struct kd_tree_node *node)
{
    struct js json = js_to(args->out);
    if (!args->json) {
        out_bytes(args->out, node->data, node->size);
        out_char(args->out, '\n');
        return;
    }
    kurier_bytes data = kurier_bytes_of(node->data, node->size);
    js_open(&json, NULL, '{');
    js_text(&json, "path", node->path);
    js_bytes(&json, "data", data);
    if (data.data && !js_is_utf8(data))
        js_base64(&json, "data_base64", data);
    js_number(&json, "version", node->version);
    js_number(&json, "created_zxid", node->created);
    js_number(&json, "modified_zxid", node->modified);
    js_close(&json, '}');
    js_end(&json);
}

/* ---- Commands ------------------------------------------------------------------------------*/

typedef void use_fn(const struct args *args, const struct kd_tree_node *node);

static int with_node(const struct args *args, use_fn *use)
{
    struct kd_tree tree;
    const char *path = tidy(args);
    if (!path)
        return cli_misuse(args, "%s: a path begins with /", args->operands[1]);
    if (!kd_tree_init(&tree, 0))
        return cli_fail("out of memory");
    int status = meta_load(&tree, args->operands[0]);
    const struct kd_tree_node *node = status ? NULL : kd_tree_find(&tree, path);
    if (node)
        use(args, node);
    else if (!status)
        status = cli_fail("%s: there is no such node; `kurier meta ls %s` shows what there is",
                          path, args->operands[0]);
    kd_tree_deinit(&tree);
    return status;
}

static int run_ls(struct args *args)
{
    return with_node(args, list);
}

static int run_get(struct args *args)
{
    return with_node(args, get);
}

const struct command meta_ls_command = {
    .name = "meta ls",
    .operands = "DIR [PATH]",
    .doc = "prints the nodes below a path, / unless one is given",
    .flags = "all json",
    .run = run_ls,
    .about = "-a goes all the way down, and prints whole paths.",
};

const struct command meta_get_command = {
    .name = "meta get",
    .operands = "DIR PATH",
    .doc = "prints what a node holds",
    .flags = "json",
    .run = run_get,
};

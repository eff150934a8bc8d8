/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/api/config.h"
#include "base/check.h"
#include "base/fs.h"
#include "base/mem.h"
#include "kurier/client.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1 << 20 };

kurier_config *kurier_config_new(void)
{
    kurier_config *config = KB_NEW(kurier_config);
    if (!config)
        return NULL;
    config->options = kc_options_new();
    if (!config->options) {
        kb_free(config);
        return NULL;
    }
    kb_error_clear(&config->mistake);
    return config;
}

void kurier_config_free(kurier_config *config)
{
    if (!config)
        return;
    kc_options_free(config->options);
    kb_free(config);
}

/* The first one sticks. */
static kurier_code keep(kurier_config *config, const struct kb_error *err)
{
    if (err->code && !config->mistake.code)
        config->mistake = *err;
    return (kurier_code)err->code;
}

kurier_code kurier_config_set(kurier_config *config, const char *key, const char *value)
{
    struct kb_error err;
    kb_error_clear(&err);
    if (key)
        kc_options_set(config->options, key, value, &err);
    else
        kb_error_set(&err, KB_E_BAD_CONFIG, "a key is NULL");
    return keep(config, &err);
}

/* ---- Files ----------------------------------------------------------------------*/

static int set_from_file(void *ctx, const char *key, const char *value, int line,
                         struct kb_error *err)
{
    kurier_config *config = ctx;
    struct kb_error why;
    kb_error_clear(&why);
    if (!kc_options_set(config->options, key, value, &why))
        return 0;
    return kb_error_set(err, why.code, "line %d: %s", line, why.text);
}

/* The whole file with a 0 byte behind it; kb_free it. */
static char *read_file(int fd, size_t size)
{
    char *text = kb_malloc(size + 1);
    size_t got = 0;
    while (text && got < size) {
        ssize_t n = read(fd, text + got, size - got);
        if (n <= 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            kb_free(text);
            return NULL;
        }
        got += (size_t)n;
    }
    if (text)
        text[size] = '\0';
    return text;
}

static int load(kurier_config *config, const char *path, int fd, struct kb_error *err)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return kb_error_errno(err, KB_E_BAD_CONFIG, errno, "%s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
        return kb_error_set(err, KB_E_BAD_CONFIG, "%s is not a properties file", path);
    char *text = read_file(fd, (size_t)st.st_size);
    if (!text)
        return kb_error_errno(err, KB_E_BAD_CONFIG, errno, "%s", path);
    struct kb_error why;
    kb_error_clear(&why);
    int code = kb_properties_parse(text, (size_t)st.st_size, set_from_file, config, &why);
    kb_free(text);
    return code ? kb_error_set(err, code, "%s: %s", path, why.text) : 0;
}

kurier_code kurier_config_load(kurier_config *config, const char *properties_path)
{
    struct kb_error err;
    kb_error_clear(&err);
    int fd = open(properties_path, O_RDONLY | O_CLOEXEC);
    load(config, properties_path, fd, &err);
    if (fd >= 0)
        close(fd);
    return keep(config, &err);
}

/* ---- Looking ----------------------------------------------------------------------*/

size_t kurier_config_get(const kurier_config *config, const char *key, char *out, size_t size)
{
    return kc_options_get(config->options, key, out, size);
}

int kc_config_check(const kurier_config *config, struct kb_error *err)
{
    if (!config || !config->mistake.code)
        return 0;
    if (err)
        *err = config->mistake;
    return config->mistake.code;
}

static const char *const type_names[] = {
    [KB_OPT_BOOL] = "boolean",  [KB_OPT_INT] = "int",       [KB_OPT_LONG] = "long",
    [KB_OPT_DOUBLE] = "double", [KB_OPT_STRING] = "string", [KB_OPT_LIST] = "list",
    [KB_OPT_ENUM] = "enum",
};

bool kurier_option_at(size_t i, kurier_option *out)
{
    if (i >= kc_options_table.count)
        return false;
    const struct kb_option *row = &kc_options_table.rows[i];
    *out = (kurier_option){.key = row->key,
                           .type = type_names[row->type],
                           .value = row->value,
                           .choices = row->choices,
                           .aliases = row->aliases,
                           .doc = row->doc,
                           .min = row->min,
                           .max = row->max};
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a file up to a delimiter, read in large steps that a signal can end. */
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP_BYTES = 256 * 1024 };
#define MAX_BYTES ((size_t)1 << 30)

struct input {
    int fd;
    char *delimiter, *data;
    size_t delimiter_size;
    size_t at, searched, end, capacity; /* at: the piece begins; searched: no delimiter before */
    bool ended;
};

struct input *input_open(const char *path, const char *delimiter)
{
    struct input *input = calloc(1, sizeof *input);
    if (!input)
        return NULL;
    input->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    input->delimiter = strdup(delimiter);
    input->delimiter_size = strlen(delimiter);
    if (input->fd < 0 || !input->delimiter) {
        int saved = errno;
        input_free(input);
        errno = saved;
        return NULL;
    }
    return input;
}

void input_free(struct input *input)
{
    if (!input)
        return;
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    free(input->delimiter);
    free(input->data);
    free(input);
}

static bool make_room(struct input *input)
{
    memmove(input->data, input->data + input->at, input->end - input->at);
    input->end -= input->at;
    input->searched -= input->at;
    input->at = 0;
    if (input->capacity - input->end >= STEP_BYTES)
        return true;
    size_t capacity = input->capacity * 2 + STEP_BYTES;
    char *data = capacity <= MAX_BYTES ? realloc(input->data, capacity) : NULL;
    if (!data) {
        errno = ENOMEM;
        return false;
    }
    input->data = data;
    input->capacity = capacity;
    return true;
}

/* 1: there is more; 0: the end; -1: see errno. */
static int fill(struct input *input)
{
    if (input->ended)
        return 0;
    if (input->data == NULL && !(input->data = malloc(input->capacity = 2 * STEP_BYTES)))
        return -1;
    if (!make_room(input))
        return -1;
    if (!cli_wait_readable(input->fd))
        return 0;
    ssize_t got = read(input->fd, input->data + input->end, input->capacity - input->end);
    if (got < 0)
        return errno == EINTR ? 1 : -1;
    input->ended = got == 0;
    input->end += (size_t)got;
    return got > 0;
}

static bool find(struct input *input, kurier_bytes *out)
{
    char *from = input->data + input->searched;
    size_t left = input->end - input->searched;
    char *mark = left ? memmem(from, left, input->delimiter, input->delimiter_size) : NULL;
    if (!mark) { /* it may lie across this step and the next */
        size_t keep = input->delimiter_size - 1;
        input->searched = input->end - input->at > keep ? input->end - keep : input->at;
        return false;
    }
    *out = kurier_bytes_of(input->data + input->at, (size_t)(mark - input->data) - input->at);
    input->at = input->searched = (size_t)(mark - input->data) + input->delimiter_size;
    return true;
}

int input_next(struct input *input, kurier_bytes *out)
{
    while (!find(input, out)) {
        int more = fill(input);
        if (more > 0)
            continue;
        if (more < 0 || cli_stopping() || input->at == input->end)
            return more;
        *out = kurier_bytes_of(input->data + input->at, input->end - input->at);
        input->at = input->searched = input->end;
        return 1;
    }
    return 1;
}

bool input_whole(const char *path, kurier_bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    char *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    ssize_t got = data ? pread(fd, data, (size_t)size, 0) : -1;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    if (got != size || got < 0) {
        free(data);
        errno = got < 0 ? errno : EIO;
        return false;
    }
    *out = kurier_bytes_of(data, (size_t)size);
    return true;
}

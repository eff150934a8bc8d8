/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a file up to a delimiter, read in large steps that a signal can end. */
#include "cli/input.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 256 * 1024 };
#define MAX_BYTES ((size_t)1 << 30)

struct input {
    int fd;
    kurier_bytes delimiter;
    char *data;
    size_t at, searched, end, capacity; /* at: the piece begins; searched: no delimiter before */
    bool ended;
};

struct input *input_open(const char *path, kurier_bytes delimiter)
{
    struct input *input = calloc(1, sizeof *input);
    if (!input)
        return NULL;
    input->delimiter = delimiter;
    input->capacity = 2 * (size_t)STEP_BYTES;
    input->data = malloc(input->capacity);
    input->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (input->fd < 0 || !input->data) {
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
    free(input->data);
    free(input);
}

size_t input_unfinished(const struct input *input)
{
    return input->end - input->at;
}

static bool make_room(struct input *input)
{
    memmove(input->data, input->data + input->at, input->end - input->at);
    input->end -= input->at;
    input->searched -= input->at;
    input->at = 0;
    if (input->capacity - input->end >= STEP_BYTES)
        return true;
    size_t capacity = input->capacity * 2;
    char *data = capacity <= MAX_BYTES ? realloc(input->data, capacity) : NULL;
    if (!data) {
        errno = EMSGSIZE;
        return false;
    }
    input->data = data;
    input->capacity = capacity;
    return true;
}

int input_more(struct input *input, int idle)
{
    struct stat st;
    bool is_file = fstat(input->fd, &st) == 0 && S_ISREG(st.st_mode);
    if (input->ended)
        return 0;
    if (!make_room(input))
        return -1;
    int ready = is_file ? CLI_FIRST : cli_wait_readable(input->fd, idle);
    if (cli_stopping() || !(ready & CLI_FIRST))
        return !cli_stopping();
    ssize_t got = read(input->fd, input->data + input->end, input->capacity - input->end);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 1 : -1;
    input->ended = got == 0;
    input->end += (size_t)got;
    return got > 0 || input->end > input->at;
}

static char *search(const struct input *input, size_t left)
{
    char *from = input->data + input->searched;
    if (input->delimiter.size == 1)
        return memchr(from, *(const char *)input->delimiter.data, left);
    return memmem(from, left, input->delimiter.data, input->delimiter.size);
}

bool input_next(struct input *input, kurier_bytes *out)
{
    size_t left = input->end - input->searched, begin = input->at;
    char *mark = left ? search(input, left) : NULL;
    if (mark) {
        size_t end = (size_t)(mark - input->data);
        *out = kurier_bytes_of(input->data + begin, end - begin);
        input->at = input->searched = end + input->delimiter.size;
        return true;
    }
    if (input->ended && input->end > begin) {
        *out = kurier_bytes_of(input->data + begin, input->end - begin);
        input->at = input->searched = input->end;
        return true;
    }
    /* It may lie across this step and the next. */
    size_t keep = input->delimiter.size - 1;
    input->searched = input->end - begin > keep ? input->end - keep : begin;
    return false;
}

bool input_whole(const char *path, kurier_bytes *out)
{
    struct input *input = input_open(path, kurier_str("\n"));
    int more = input ? 1 : -1;
    while (more > 0 && !input->ended)
        more = input_more(input, -1);
    bool whole = input && input->ended;
    if (whole) {
        *out = kurier_bytes_of(input->data, input->end);
        input->data = NULL;
    } else if (more == 0) {
        errno = EINTR;
    }
    int saved = errno;
    input_free(input);
    errno = saved;
    return whole;
}

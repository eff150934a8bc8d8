/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/farm.h"

#include "base/check.h"
#include "tests/sim/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared with its process, which may die at any time. */
struct worker {
    pid_t pid;
    long at; /* the seed's place; its next is `jobs` further */
    struct tally tally;
};

static void work(struct worker *self, const struct run_options *options, long seeds, int jobs)
{
    for (; self->at < seeds; self->at += jobs) {
        struct run_options each = *options;
        struct run run;
        each.world.seed += (uint64_t)self->at;
        alarm(FARM_SEED_SECONDS);
        if (!run_once(&run, &each))
            run_tell_broken(&run, &each, stdout);
        tally_add(&self->tally, &run);
    }
}

static void hire(struct worker *self, const struct run_options *options, long seeds, int jobs)
{
    fflush(NULL);
    pid_t pid = fork();
    KB_CHECK(pid >= 0);
    if (pid) {
        self->pid = pid;
        return;
    }
    work(self, options, seeds, jobs);
    fflush(NULL);
    _exit(0);
}

static struct worker *find(struct worker *workers, int jobs, pid_t pid)
{
    for (int i = 0; i < jobs; i++)
        if (workers[i].pid == pid)
            return &workers[i];
    return NULL;
}

/* True: it died in the middle of a seed. */
static bool died(struct worker *worker, int status, const struct run_options *options)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    printf("# %s, seed %" PRIu64 ", %d faults: the process died of %s %d\n",
           options->workload->name, options->world.seed + (uint64_t)worker->at, options->faults,
           WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    worker->tally.runs++;
    worker->tally.broken++;
    return true;
}

void farm_run(const struct run_options *options, long seeds, int jobs, struct tally *tally)
{
    size_t size = sizeof(struct worker) * (size_t)jobs;
    struct worker *workers =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status, busy = jobs;
    pid_t pid;
    KB_CHECK(workers != MAP_FAILED && jobs <= FARM_JOBS_MAX);
    for (int i = 0; i < jobs; i++) {
        workers[i].at = i;
        hire(&workers[i], options, seeds, jobs);
    }
    while (busy > 0 && (pid = wait(&status)) > 0) {
        struct worker *worker = find(workers, jobs, pid);
        if (worker && died(worker, status, options)) {
            worker->at += jobs;
            hire(worker, options, seeds, jobs);
        } else if (worker) {
            busy--;
        }
    }
    for (int i = 0; i < jobs; i++)
        tally_merge(tally, &workers[i].tally);
    munmap(workers, size);
}

int farm_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > FARM_JOBS_MAX ? FARM_JOBS_MAX : (int)cores;
}

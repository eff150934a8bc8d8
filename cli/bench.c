/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include <inttypes.h>
#include <time.h>

int64_t bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const struct {
    const char *name;
    unsigned per_mille;
} percentiles[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p99.9", 999}, {"max", 1000}};

enum { PERCENTILES = sizeof percentiles / sizeof *percentiles };

static double seconds(const struct measure *m)
{
    int64_t passed = m->ended_us - m->began_us;
    return (double)(passed > 0 ? passed : 1) / 1e6;
}

static void print_json(const struct args *args, const struct measure *m)
{
    struct js json = js_to(args->out);
    js_open(&json, NULL, '{');
    js_text(&json, "topic", args->topic);
    js_number(&json, "records", m->records);
    js_number(&json, "failed", m->failed);
    js_number(&json, "bytes", m->bytes);
    js_real(&json, "seconds", seconds(m));
    js_real(&json, "records_per_second", (double)m->records / seconds(m));
    js_real(&json, "mb_per_second", (double)m->bytes / 1e6 / seconds(m));
    if (m->first_us)
        js_real(&json, "first_record_ms", (double)(m->first_us - m->began_us) / 1e3);
    if (m->latency.count) {
        js_open(&json, "latency_ms", '{');
        js_real(&json, "mean", histogram_mean(&m->latency) / 1e3);
        for (size_t i = 0; i < PERCENTILES; i++)
            js_real(&json, percentiles[i].name,
                    (double)histogram_at(&m->latency, percentiles[i].per_mille) / 1e3);
        js_close(&json, '}');
    }
    js_close(&json, '}');
    js_end(&json);
}

void bench_print(const struct args *args, const struct measure *m)
{
    struct out *out = args->out;
    if (args->json) {
        print_json(args, m);
        return;
    }
    out_format(out, "records     %" PRId64 " in %.3f s\n", m->records, seconds(m));
    out_format(out, "throughput  %.0f records/s, %.2f MB/s\n", (double)m->records / seconds(m),
               (double)m->bytes / 1e6 / seconds(m));
    if (m->first_us)
        out_format(out, "first       after %.3f ms\n", (double)(m->first_us - m->began_us) / 1e3);
    if (m->latency.count) {
        out_format(out, "latency     mean %.3f ms", histogram_mean(&m->latency) / 1e3);
        for (size_t i = 0; i < PERCENTILES; i++)
            out_format(out, ", %s %.3f", percentiles[i].name,
                       (double)histogram_at(&m->latency, percentiles[i].per_mille) / 1e3);
        out_char(out, '\n');
    }
    if (m->failed)
        out_format(out, "failed      %" PRId64 "\n", m->failed);
}

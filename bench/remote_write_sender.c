/* remote_write_sender.c - sends node_exporter-like series by remote write 1.0, as fast as the
 * server takes them, and prints one line of JSON with what it saw.
 *
 *   remote_write_sender --port 9090 --path /api/v1/write --series 10000 --rounds 100 --connections
 * 4
 *
 * All requests are made before the clock starts, so that the sender costs little of the two cores
 * it shares with the server. Series are split over the connections; each connection sends its
 * rounds in time order, one request of --batch samples at a time, and waits for the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "format/compress/compress.h"
#include "format/protobuf/protobuf.h"

enum { CONNECTIONS_MAX = 64 };

typedef struct Options {
    int64_t port;
    const char *path;
    int64_t series;
    int64_t rounds;
    int64_t connections;
    int64_t batch;
    int64_t step_s;
    int64_t start_s; /* of the first round, since 1970; 0 = so that the last round is now */
} Options;

typedef struct Sender {
    const Options *options;
    int64_t first; /* series */
    int64_t end;
    Buf *requests;
    size_t request_count;
    size_t request_cap;
    double *latencies_ms;
    int64_t samples;
    int64_t refused;
    char error[256];
    Thread thread;
} Sender;

static const char *const metric_names[] = {
    "node_cpu_seconds_total",
    "node_memory_MemAvailable_bytes",
    "node_network_receive_bytes_total",
    "node_disk_io_time_seconds_total",
    "node_filesystem_avail_bytes",
    "node_load1",
    "node_context_switches_total",
    "node_sockstat_TCP_inuse",
    "node_vmstat_pgfault",
    "node_scrape_collector_duration_seconds",
};
static const char *const modes[] = {"idle",    "iowait", "irq",    "nice",
                                    "softirq", "steal",  "system", "user"};

static void put_label(Buf *series, Buf *scratch, const char *name, const char *value)
{
    buf_clear(scratch);
    pb_put_bytes(scratch, 1, str_from(name));
    pb_put_bytes(scratch, 2, str_from(value));
    pb_put_bytes(series, 1, buf_str(scratch));
}

/* Labels of series i: 8 of them, as long as a node_exporter's. */
static void put_labels(int64_t i, Buf *series, Buf *scratch)
{
    char text[64];

    put_label(series, scratch, "__name__", metric_names[i % 10]);
    (void)snprintf(text, sizeof text, "%" PRId64, i / 80 % 64);
    put_label(series, scratch, "cpu", text);
    put_label(series, scratch, "datacenter", i % 3 ? "eu-central-1" : "us-east-1");
    (void)snprintf(text, sizeof text, "nvme%" PRId64 "n1", i / 10 % 8);
    put_label(series, scratch, "device", text);
    (void)snprintf(text, sizeof text, "host-%05" PRId64 ".example.com:9100", i / 1000);
    put_label(series, scratch, "instance", text);
    put_label(series, scratch, "job", "node");
    put_label(series, scratch, "mode", modes[i / 10 % 8]);
    (void)snprintf(text, sizeof text, "shard-%" PRId64, i);
    put_label(series, scratch, "shard", text);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

/* Counters that rise by whole steps, byte gauges, constants, and seconds with two decimals. */
static double value_of(int64_t i, int64_t round)
{
    uint64_t noise = mix((uint64_t)i * 1000003 + (uint64_t)round);

    switch (i % 10) {
    case 0:
    case 3:
        return (double)(1000000 + round * 1500 + (int64_t)(noise % 100)) / 100;
    case 1:
    case 4:
        return (double)((int64_t)(4096 * (100000 + i % 1000)) + (int64_t)(noise % 64) * 4096);
    case 5:
        return (double)(noise % 400) / 100;
    case 7:
        return (double)(i % 50);
    case 9:
        return 0.001 + (double)(noise % 1000000) / 1e9;
    default:
        return (double)(1000000 + round * 730 + (int64_t)(noise % 30));
    }
}

static void put_sample(Buf *series, Buf *scratch, double value, int64_t ts_ms)
{
    buf_clear(scratch);
    pb_put_double(scratch, 1, value);
    pb_put_varint(scratch, 2, (uint64_t)ts_ms);
    pb_put_bytes(series, 2, buf_str(scratch));
}

static void add_request(Sender *s, Buf *plain)
{
    Buf body = {0};
    Buf request = {0};

    MEM_GROW(s->requests, s->request_cap, s->request_count + 1);
    if (compress_encode(CODEC_SNAPPY, 0, buf_str(plain), &body, NULL) != STATUS_OK)
        abort();
    buf_printf(&request,
               "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%" PRId64
               "\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
               "X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: %zu\r\n\r\n",
               s->options->path, s->options->port, body.len);
    buf_append_str(&request, buf_str(&body));
    buf_done(&body);
    s->requests[s->request_count++] = request;
    buf_clear(plain);
}

static void make_requests(Sender *s)
{
    const Options *o = s->options;
    CLEANUP(buf_done) Buf plain = {0};
    CLEANUP(buf_done) Buf series = {0};
    CLEANUP(buf_done) Buf scratch = {0};

    for (int64_t round = 0; round < o->rounds; round++) {
        int64_t ts_ms = (o->start_s + round * o->step_s) * 1000;
        int64_t in_batch = 0;
        for (int64_t i = s->first; i < s->end; i++) {
            buf_clear(&series);
            put_labels(i, &series, &scratch);
            put_sample(&series, &scratch, value_of(i, round), ts_ms);
            pb_put_bytes(&plain, 1, buf_str(&series));
            s->samples++;
            if (++in_batch == o->batch || i + 1 == s->end) {
                add_request(s, &plain);
                in_batch = 0;
            }
        }
    }
}

static int open_socket(const Options *o)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static bool write_all(int fd, Str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    return true;
}

/* Reads one answer; its status, or -1. Bodies are read by Content-Length. */
static int read_answer(int fd, Buf *in)
{
    buf_clear(in);
    for (;;) {
        char *at = buf_reserve(in, 4096);
        ssize_t n = read(fd, at, 4096);
        if (n <= 0)
            return -1;
        in->len += (size_t)n;
        ptrdiff_t end = str_find(buf_str(in), STR("\r\n\r\n"));
        if (end < 0)
            continue;
        size_t body = 0;
        ptrdiff_t field = str_find(buf_str(in), STR("Content-Length: "));
        if (field >= 0 && field < end)
            body = strtoul(in->ptr + field + 16, NULL, 10);
        if (in->len < (size_t)end + 4 + body)
            continue;
        buf_append_byte(in, 0);
        return (int)strtol(in->ptr + 9, NULL, 10);
    }
}

static void sender_main(void *raw)
{
    Sender *s = raw;
    CLEANUP(buf_done) Buf in = {0};
    int fd = open_socket(s->options);

    if (fd < 0) {
        (void)snprintf(s->error, sizeof s->error, "cannot connect: %d", errno);
        return;
    }
    for (size_t i = 0; i < s->request_count; i++) {
        int64_t start = clock_mono_ns();
        int status = write_all(fd, buf_str(&s->requests[i])) ? read_answer(fd, &in) : -1;
        s->latencies_ms[i] = (double)(clock_mono_ns() - start) / 1e6;
        if (status == 503) { /* told to retry */
            s->refused++;
            (void)usleep(50000);
            i--;
        } else if (status / 100 != 2) {
            (void)snprintf(s->error, sizeof s->error, "status %d: %.200s", status,
                           in.len ? in.ptr : "");
            break;
        }
    }
    (void)close(fd);
}

static int cmp_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_report(Sender *senders, const Options *o, double seconds)
{
    double *all = NULL;
    size_t count = 0;
    int64_t samples = 0;
    int64_t refused = 0;
    const char *error = "";

    for (int64_t i = 0; i < o->connections; i++)
        count += senders[i].request_count;
    all = mem_alloc(count * sizeof *all);
    count = 0;
    for (int64_t i = 0; i < o->connections; i++) {
        Sender *s = &senders[i];
        memcpy(all + count, s->latencies_ms, s->request_count * sizeof *all);
        count += s->request_count;
        samples += s->samples;
        refused += s->refused;
        if (s->error[0])
            error = s->error;
    }
    qsort(all, count, sizeof *all, cmp_double);
    printf("{\"samples\":%" PRId64 ",\"requests\":%zu,\"seconds\":%.4f,\"rate\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"refused\":%" PRId64 ",\"error\":\"%s\"}\n",
           samples, count, seconds, (double)samples / seconds, all[count / 2],
           all[count * 99 / 100], refused, error);
    mem_free(all);
}

static bool parse_options(int argc, char **argv, Options *o)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        Str name = str_from(argv[i]);
        Str value = str_from(argv[i + 1]);
        bool good = true;
        if (str_eq(name, STR("--path")))
            o->path = argv[i + 1];
        else if (str_eq(name, STR("--port")))
            good = str_to_i64(value, &o->port);
        else if (str_eq(name, STR("--series")))
            good = str_to_i64(value, &o->series);
        else if (str_eq(name, STR("--rounds")))
            good = str_to_i64(value, &o->rounds);
        else if (str_eq(name, STR("--connections")))
            good = str_to_i64(value, &o->connections) && o->connections <= CONNECTIONS_MAX;
        else if (str_eq(name, STR("--batch")))
            good = str_to_i64(value, &o->batch);
        else if (str_eq(name, STR("--step")))
            good = str_to_i64(value, &o->step_s);
        else if (str_eq(name, STR("--start")))
            good = str_to_i64(value, &o->start_s);
        else
            good = false;
        if (!good)
            return false;
    }
    return o->series > 0 && o->rounds > 0 && o->connections > 0 && o->batch > 0;
}

static void run(const Options *o)
{
    Sender senders[CONNECTIONS_MAX] = {0};

    for (int64_t i = 0; i < o->connections; i++) {
        Sender *s = &senders[i];
        s->options = o;
        s->first = o->series * i / o->connections;
        s->end = o->series * (i + 1) / o->connections;
        make_requests(s);
        s->latencies_ms = MEM_NEW_ARRAY(double, s->request_count + 1);
    }
    int64_t start = clock_mono_ns();
    for (int64_t i = 0; i < o->connections; i++)
        if (thread_start(&senders[i].thread, "sender", sender_main, &senders[i], NULL) != STATUS_OK)
            abort();
    for (int64_t i = 0; i < o->connections; i++)
        thread_join(&senders[i].thread);
    print_report(senders, o, (double)(clock_mono_ns() - start) / 1e9);
    for (int64_t i = 0; i < o->connections; i++) {
        for (size_t j = 0; j < senders[i].request_count; j++)
            buf_done(&senders[i].requests[j]);
        mem_free(senders[i].requests);
        mem_free(senders[i].latencies_ms);
    }
}

int main(int argc, char **argv)
{
    Options o = {.port = 9090,
                 .path = "/api/v1/write",
                 .series = 10000,
                 .rounds = 100,
                 .connections = 4,
                 .batch = 2000,
                 .step_s = 15};

    if (!parse_options(argc, argv, &o)) {
        fprintf(stderr,
                "usage: %s [--port N] [--path P] [--series N] [--rounds N] "
                "[--connections N] [--batch N] [--step SECONDS] [--start UNIX]\n",
                argv[0]);
        return 2;
    }
    if (o.start_s == 0)
        o.start_s = clock_wall_ms() / 1000 / o.step_s * o.step_s - (o.rounds - 1) * o.step_s;
    run(&o);
    return 0;
}

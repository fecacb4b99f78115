/* scraper.c - timers and HTTP requests; see scrape_target.c for what becomes of a body.
 *
 * The loop thread owns everything of a Job but what scrape_target.h says is under `lock`. A scrape
 * goes loop (curl) -> pool (parse) -> engine (write) -> loop (job idle again). `busy` counts the
 * scrapes between the first and the last step, so that scraper_free can wait for them.
 */
#include "net/prom/scrape/scraper.h"

#include <curl/curl.h>
#include <stdio.h>
#include <uv.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "net/prom/scrape/scrape_target.h"

typedef struct Job {
    Scraper *scraper;
    ScrapeTarget *target;
    LoopTimer *timer;
    CURL *easy; /* of the request under way, NULL = idle or storing */
    struct curl_slist *headers;
    bool storing; /* the body is with the pool */
    bool phased;  /* the first, odd delay is over */
    Buf body;
    bool body_too_large;
    int64_t start_mono_ns;
    char curl_error[CURL_ERROR_SIZE];
    ScrapeOutcome outcome;
    PoolTask parse_task;
    LoopTask idle_task;
} Job;

struct Scraper {
    Engine *engine;
    Pool *pool;
    Loop *loop;
    Arena arena; /* targets */
    Job *jobs;
    uint32_t job_count;
    CURLM *multi;           /* loop thread */
    uv_timer_t *curl_timer; /* loop thread */
    Mutex lock;
    Cond changed;
    uint32_t busy; /* guarded by lock: scrapes under way and handles that still close */
    bool stopped;  /* guarded by lock: the loop has let go of everything */
    LoopTask start_task;
    LoopTask stop_task;
};

/* A socket of libcurl's with its poll handle. */
typedef struct Socket {
    Scraper *scraper;
    curl_socket_t fd;
    uv_poll_t poll;
} Socket;

static void change_busy(Scraper *s, int delta)
{
    mutex_lock(&s->lock);
    s->busy += (uint32_t)delta;
    cond_broadcast(&s->changed);
    mutex_unlock(&s->lock);
}

/* ---------------------------------------------------------------- storing */

static void job_idle(LoopTask *task)
{
    Job *job = LUMA_CONTAINER_OF(task, Job, idle_task);
    Scraper *s = job->scraper;

    job->storing = false;
    buf_clear(&job->body);
    change_busy(s, -1);
}

static void note_result(Job *job)
{
    ScrapeTarget *target = job->target;
    MUTEX_GUARD(&job->scraper->lock);
    target->scraped = true;
    target->up = job->outcome.good;
    target->last_wall_ns = job->outcome.start_ms * NS_PER_MS;
    target->last_duration_ns = job->outcome.duration_ns;
    memcpy(target->last_error, job->outcome.error, sizeof target->last_error);
}

static void on_written(void *ctx, Status status, const Error *err, Lsn lsn)
{
    Job *job = ctx;

    if (status != STATUS_OK)
        counter_add(COUNTER_SCRAPES_UNSTORED, 1);
    loop_post(job->scraper->loop, &job->idle_task);
}

static void parse_body(PoolTask *task)
{
    Job *job = LUMA_CONTAINER_OF(task, Job, parse_task);
    WriteBatch *batch;
    Error err;

    Status status =
        scrape_target_store(job->target, job->scraper->engine, &job->outcome, &batch, &err);
    counter_add(job->outcome.good ? COUNTER_SCRAPES_GOOD : COUNTER_SCRAPES_FAILED, 1);
    note_result(job);
    if (status == STATUS_OK)
        engine_write(job->scraper->engine, batch, on_written, job);
    else
        on_written(job, status, &err, 0);
}

/* ---------------------------------------------------------------- one request */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    Job *job = ctx;
    size_t len = size * count;

    buf_append(&job->body, bytes, len);
    if (job->body.overflowed) {
        job->body_too_large = true;
        return 0;
    }
    return len;
}

static Str read_secret(Str path, Buf *out)
{
    FILE *file = fopen(path.ptr, "re");

    if (!file)
        return (Str){0};
    char *at = buf_reserve(out, 4096);
    out->len = fread(at, 1, 4096, file);
    (void)fclose(file);
    return str_trim(buf_str(out));
}

static void set_credentials(Job *job)
{
    const ScrapeJob *config = job->target->job;
    CLEANUP(buf_done) Buf line = {0};
    CLEANUP(buf_done) Buf secret = {0};

    if (config->username.len) {
        Str password = config->password_file.len ? read_secret(config->password_file, &secret)
                                                 : config->password;
        buf_printf(&line, "%.*s", STR_FMT(password));
        buf_append_byte(&line, 0);
        (void)curl_easy_setopt(job->easy, CURLOPT_USERNAME, config->username.ptr);
        (void)curl_easy_setopt(job->easy, CURLOPT_PASSWORD, line.ptr);
        return;
    }
    if (config->authorization.len)
        buf_printf(&line, "Authorization: %.*s", STR_FMT(config->authorization));
    else if (config->credentials_file.len)
        buf_printf(&line, "Authorization: %.*s %.*s", STR_FMT(config->authorization_type),
                   STR_FMT(read_secret(config->credentials_file, &secret)));
    else
        return;
    buf_append_byte(&line, 0);
    job->headers = curl_slist_append(job->headers, line.ptr);
}

static void set_tls(CURL *easy, const ScrapeJob *config)
{
    if (config->tls_ca_file.len)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, config->tls_ca_file.ptr);
    if (config->tls_cert_file.len)
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, config->tls_cert_file.ptr);
    if (config->tls_key_file.len)
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, config->tls_key_file.ptr);
    if (config->tls_insecure) {
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_options(Job *job)
{
    const ScrapeJob *config = job->target->job;
    CURL *easy = job->easy;
    char timeout[80];

    job->headers = curl_slist_append(
        NULL, "Accept: application/openmetrics-text;version=1.0.0;q=0.8,"
              "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
              "*/*;q=0.1");
    (void)snprintf(timeout, sizeof timeout, "X-Prometheus-Scrape-Timeout-Seconds: %g",
                   (double)config->timeout_ns / 1e9);
    job->headers = curl_slist_append(job->headers, timeout);
    set_credentials(job);
    set_tls(easy, config);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers);
    (void)curl_easy_setopt(easy, CURLOPT_URL, job->target->url.ptr);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "LumaDB/" LUMADB_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, config->follow_redirects ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(config->timeout_ns / NS_PER_MS));
    if (config->enable_compression)
        (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->curl_error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
}

static void start_scrape(void *ctx)
{
    enum { BODY_BYTES_DEFAULT = 256 << 20 };
    Job *job = ctx;
    Scraper *s = job->scraper;
    const ScrapeJob *config = job->target->job;

    if (!job->phased) {
        job->phased = true;
        loop_timer_start(job->timer, config->interval_ns, config->interval_ns);
    }
    if (job->easy || job->storing) {
        counter_add(COUNTER_SCRAPES_SKIPPED, 1);
        return;
    }
    job->easy = curl_easy_init();
    if (!job->easy)
        return;
    buf_clear(&job->body);
    job->body.len_max =
        config->body_bytes_max ? (size_t)config->body_bytes_max : BODY_BYTES_DEFAULT;
    job->body_too_large = false;
    job->curl_error[0] = 0;
    job->outcome = (ScrapeOutcome){.start_ms = clock_wall_ms()};
    job->start_mono_ns = clock_mono_ns();
    set_options(job);
    change_busy(s, 1);
    (void)curl_multi_add_handle(s->multi, job->easy);
}

static ExpositionFormat format_of(const char *content_type)
{
    return content_type && str_starts(str_from(content_type), STR("application/openmetrics-text"))
               ? EXPOSITION_OPENMETRICS
               : EXPOSITION_TEXT;
}

static void release_request(Job *job)
{
    (void)curl_multi_remove_handle(job->scraper->multi, job->easy);
    curl_easy_cleanup(job->easy);
    curl_slist_free_all(job->headers);
    job->easy = NULL;
    job->headers = NULL;
}

static void finish_request(Job *job, CURLcode code)
{
    ScrapeOutcome *outcome = &job->outcome;
    char *content_type = NULL;
    long status = 0;

    (void)curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(job->easy, CURLINFO_CONTENT_TYPE, &content_type);
    outcome->format = format_of(content_type);
    outcome->duration_ns = clock_mono_ns() - job->start_mono_ns;
    outcome->good = code == CURLE_OK && status >= 200 && status < 300;
    if (job->body_too_large)
        (void)snprintf(outcome->error, sizeof outcome->error,
                       "the body exceeds %zu bytes (body_size_limit)", job->body.len_max);
    else if (code != CURLE_OK)
        (void)snprintf(outcome->error, sizeof outcome->error, "%.200s",
                       job->curl_error[0] ? job->curl_error : curl_easy_strerror(code));
    else if (!outcome->good)
        (void)snprintf(outcome->error, sizeof outcome->error, "server returned HTTP status %ld",
                       status);
    outcome->body = buf_str(&job->body);
    release_request(job);
    job->storing = true;
    job->parse_task.run = parse_body;
    job->idle_task.run = job_idle;
    pool_submit(job->scraper->pool, &job->parse_task);
}

/* ---------------------------------------------------------------- libcurl on the loop */

static void take_finished(Scraper *s)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(s->multi, &left))) {
        Job *job;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        finish_request(job, message->data.result);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    Socket *socket = poll->data;
    Scraper *s = socket->scraper;
    int flags = status < 0 ? CURL_CSELECT_ERR
                           : (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                                 (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)curl_multi_socket_action(s->multi, socket->fd, flags, &running);
    take_finished(s);
}

static void on_poll_closed(uv_handle_t *handle)
{
    Socket *socket = handle->data;
    change_busy(socket->scraper, -1);
    mem_free(socket);
}

static Socket *socket_new(Scraper *s, curl_socket_t fd)
{
    Socket *socket = MEM_NEW(Socket);

    socket->scraper = s;
    socket->fd = fd;
    if (uv_poll_init_socket(loop_uv(s->loop), &socket->poll, fd) != 0) {
        mem_free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    change_busy(s, 1);
    (void)curl_multi_assign(s->multi, fd, socket);
    return socket;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
    Scraper *s = ctx;
    Socket *socket = assigned;

    if (what == CURL_POLL_REMOVE) {
        if (socket) {
            (void)curl_multi_assign(s->multi, fd, NULL);
            uv_close((uv_handle_t *)&socket->poll, on_poll_closed);
        }
        return 0;
    }
    if (!socket)
        socket = socket_new(s, fd);
    if (!socket)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&socket->poll, events, on_poll) == 0 ? 0 : -1;
}

static void on_curl_timeout(uv_timer_t *timer)
{
    Scraper *s = timer->data;
    int running;
    (void)curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(s);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    Scraper *s = ctx;
    /* Zero would call back from inside libcurl; the loop's next turn is soon enough. */
    if (timeout_ms < 0)
        (void)uv_timer_stop(s->curl_timer);
    else
        (void)uv_timer_start(s->curl_timer, on_curl_timeout, timeout_ms ? (uint64_t)timeout_ms : 1,
                             0);
    return 0;
}

/* ---------------------------------------------------------------- life */

static void start_on_loop(LoopTask *task)
{
    Scraper *s = LUMA_CONTAINER_OF(task, Scraper, start_task);

    s->curl_timer = MEM_NEW(uv_timer_t);
    (void)uv_timer_init(loop_uv(s->loop), s->curl_timer);
    s->curl_timer->data = s;
    s->multi = curl_multi_init();
    ASSERT(s->multi);
    (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    for (uint32_t i = 0; i < s->job_count; i++) {
        Job *job = &s->jobs[i];
        int64_t interval = job->target->job->interval_ns;
        job->timer = loop_timer_new(s->loop, start_scrape, job);
        loop_timer_start(job->timer, 1 + (int64_t)(job->target->id % (uint64_t)interval), 0);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    Scraper *s = handle->data;

    mem_free(handle);
    mutex_lock(&s->lock);
    s->stopped = true;
    cond_broadcast(&s->changed);
    mutex_unlock(&s->lock);
}

static void stop_on_loop(LoopTask *task)
{
    Scraper *s = LUMA_CONTAINER_OF(task, Scraper, stop_task);

    for (uint32_t i = 0; i < s->job_count; i++) {
        Job *job = &s->jobs[i];
        job->timer = loop_timer_free(job->timer);
        if (job->easy) {
            release_request(job);
            change_busy(s, -1);
        }
    }
    (void)curl_multi_cleanup(s->multi);
    s->multi = NULL;
    (void)uv_timer_stop(s->curl_timer);
    uv_close((uv_handle_t *)s->curl_timer, on_timer_closed);
}

static Status make_jobs(Scraper *s, const ScrapeConfig *config, Error *err)
{
    ScrapeTarget **targets = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    for (uint32_t i = 0; i < config->job_count; i++)
        TRY(scrape_target_list(&config->jobs[i], &s->arena, &targets, &count, &cap, err));
    s->jobs = MEM_NEW_ARRAY(Job, count);
    s->job_count = count;
    for (uint32_t i = 0; i < count; i++) {
        s->jobs[i].scraper = s;
        s->jobs[i].target = targets[i];
    }
    return STATUS_OK;
}

static void free_memory(Scraper *s)
{
    for (uint32_t i = 0; i < s->job_count; i++) {
        buf_done(&s->jobs[i].body);
        scrape_target_done(s->jobs[i].target);
    }
    mem_free(s->jobs);
    arena_done(&s->arena);
    cond_done(&s->changed);
    mutex_done(&s->lock);
    mem_free(s);
}

Status scraper_new(const ScrapeConfig *config, Engine *engine, Pool *pool, Loop *loop,
                   Scraper **ret_scraper, Error *err)
{
    Scraper *s = MEM_NEW(Scraper);

    s->engine = engine;
    s->pool = pool;
    s->loop = loop;
    arena_init(&s->arena, NULL);
    mutex_init(&s->lock);
    cond_init(&s->changed);
    Status status = make_jobs(s, config, err);
    if (status != STATUS_OK) {
        free_memory(s);
        return status;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    s->start_task.run = start_on_loop;
    loop_post(loop, &s->start_task);
    *ret_scraper = s;
    return STATUS_OK;
}

Scraper *scraper_free(Scraper *scraper)
{
    if (!scraper)
        return NULL;
    scraper->stop_task.run = stop_on_loop;
    loop_post(scraper->loop, &scraper->stop_task);
    mutex_lock(&scraper->lock);
    while (!scraper->stopped || scraper->busy)
        cond_wait(&scraper->changed, &scraper->lock);
    mutex_unlock(&scraper->lock);
    free_memory(scraper);
    return NULL;
}

void scraper_targets(Scraper *scraper, Arena *arena, ScraperTargetInfo **ret_infos,
                     uint32_t *ret_count)
{
    *ret_infos = NULL;
    *ret_count = 0;
    if (!scraper)
        return;
    ScraperTargetInfo *infos = ARENA_NEW_ARRAY(arena, ScraperTargetInfo, scraper->job_count);
    if (!infos)
        return;
    MUTEX_GUARD(&scraper->lock);
    for (uint32_t i = 0; i < scraper->job_count; i++) {
        const ScrapeTarget *t = scraper->jobs[i].target;
        infos[i] = (ScraperTargetInfo){
            .discovered = label_set_copy(t->discovered, arena),
            .labels = label_set_copy(t->labels, arena),
            .pool = arena_str(arena, t->job->job_name),
            .url = arena_str(arena, t->url),
            .last_error = arena_str(arena, str_from(t->last_error)),
            .scraped = t->scraped,
            .up = t->up,
            .last_wall_ns = t->last_wall_ns,
            .last_duration_ns = t->last_duration_ns,
            .interval_ns = t->job->interval_ns,
            .timeout_ns = t->job->timeout_ns,
        };
    }
    *ret_infos = infos;
    *ret_count = scraper->job_count;
}

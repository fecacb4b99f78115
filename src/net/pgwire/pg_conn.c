/* pg_conn.c - a PostgreSQL connection on its loop, and the task that works for it on the pool.
 *
 * The loop owns the first part of a PgConn: it frames input, runs startup and authentication, does
 * what is quick itself, and hands other whole messages over in `inbox`. One owner at a time
 * (`active`), a task on the pool or the loop while it does what is quick, has the last part: it
 * takes the inbox, runs the session, and hands output back. A task that meets a congested
 * connection parks itself and ends; on_drained submits it again. Between the two stand only the
 * fields under `lock`.
 *
 *   idle ----input----> active ----congested----> parked
 *    ^                    |  ^                       |
 *    +----inbox empty-----+  +--------drained--------+
 *
 * When the connection has gone (`closed`), the next task (submitted by on_close if none runs) frees
 * the session.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/clock.h"
#include "net/pgwire/pg_auth.h"
#include "net/pgwire/pg_session.h"
#include "net/pgwire/pgwire.h"

enum {
    INBOX_BYTES_HIGH = 1 << 20, /* reading pauses above */
    AUTH_BYTES_MAX = 1 << 16,
    ENCRYPTION_REQUESTS_MAX = 2, /* one for TLS, one for GSS */
    QUICK_MESSAGES_MAX = 64,     /* of a turn that the loop handles itself */
};

struct PgServer {
    PgServerOptions options; /* immutable */
    Buf refusal;             /* immutable */
    Mutex lock;
    bool stopped;      /* guarded by lock: no more tasks */
    Map by_pid;        /* guarded by lock: logged-in connections */
    uint32_t next_pid; /* guarded by lock */
};

typedef enum PgPhase { PHASE_STARTUP, PHASE_AUTH, PHASE_READY, PHASE_OVER } PgPhase;

typedef struct PgConn {
    PgServer *server;
    Connection *conn; /* a reference */
    int refs;         /* atomic: the loop's, the task's, posted messages' */
    uint32_t pid;     /* immutable once logged in */
    uint32_t secret;

    /* the loop's */
    PgPhase phase;
    int encryption_requests;
    Buf in;           /* the beginning of a message that is not whole */
    size_t in_need;   /* bytes until `in` may hold a whole one */
    size_t data_used; /* bytes used before, in this on_data */
    Buf packet;       /* the startup packet; `startup` borrows it; the task's after login */
    PgStartup startup;
    PgAuth auth;

    /* shared */
    Mutex lock;
    Buf inbox;     /* guarded by lock: whole messages */
    bool active;   /* guarded by lock: a task is queued, runs or is parked */
    bool parked;   /* guarded by lock: ... and waits for on_drained */
    bool closed;   /* guarded by lock: the connection has gone */
    bool paused;   /* guarded by lock: the loop stopped reading */
    bool draining; /* guarded by lock: the server is stopping */
    bool wake;     /* guarded by lock: go on without input, a query was cancelled */
    Query *query;  /* guarded by lock: what a cancel request hits */

    /* the owner's */
    PoolTask task;
    LoopTask resume_task;
    LoopTask close_task;
    bool started;
    bool finished; /* said goodbye; input is ignored */
    PgSession session;
    Buf work;
    size_t work_pos;
} PgConn;

/* ---------------------------------------------------------------- life */

static PgConn *ref(PgConn *c)
{
    (void)__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

static void unref(PgConn *c)
{
    if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    buf_done(&c->in);
    buf_done(&c->packet);
    buf_done(&c->inbox);
    buf_done(&c->work);
    pg_auth_done(&c->auth);
    mutex_done(&c->lock);
    c->conn = conn_unref(c->conn);
    mem_free(c);
}

/* Submits the task, whose reference the caller has taken; false after pg_server_stop. */
static bool submit(PgConn *c)
{
    MUTEX_GUARD(&c->server->lock);
    if (c->server->stopped)
        return false;
    pool_submit(c->server->options.pool, &c->task);
    return true;
}

static Str pid_key(const PgConn *c)
{
    return (Str){(const char *)&c->pid, sizeof c->pid};
}

/* Gives the connection the number and the secret that a CancelRequest names. */
static bool register_conn(PgConn *c)
{
    PgServer *server = c->server;

    if (RAND_bytes((uint8_t *)&c->secret, sizeof c->secret) != 1)
        return false;
    MUTEX_GUARD(&server->lock);
    do {
        c->pid = server->next_pid++ & 0x7FFFFFFF;
    } while (c->pid == 0 || map_get(&server->by_pid, pid_key(c)));
    *map_put(&server->by_pid, pid_key(c), NULL) = c;
    return true;
}

static void unregister_conn(PgConn *c)
{
    MUTEX_GUARD(&c->server->lock);
    if (c->pid && map_get(&c->server->by_pid, pid_key(c)) == c)
        (void)map_remove(&c->server->by_pid, pid_key(c));
}

/* A COPY that waits for its client is woken. */
static void cancel_running(PgConn *c)
{
    bool wake = false;

    mutex_lock(&c->lock);
    if (c->query) {
        query_cancel(c->query);
        c->wake = true;
        wake = !c->active;
        c->active = true;
    }
    mutex_unlock(&c->lock);
    if (wake && !submit(ref(c))) {
        mutex_lock(&c->lock);
        c->active = false;
        mutex_unlock(&c->lock);
        unref(c);
    }
}

static void cancel_by_key(PgServer *server, uint32_t pid, uint32_t secret)
{
    PgConn *target;

    mutex_lock(&server->lock);
    target = map_get(&server->by_pid, (Str){(const char *)&pid, sizeof pid});
    if (target && CRYPTO_memcmp(&target->secret, &secret, sizeof secret) == 0)
        (void)ref(target);
    else
        target = NULL;
    mutex_unlock(&server->lock);
    if (!target)
        return;
    cancel_running(target);
    unref(target);
}

/* ---------------------------------------------------------------- the task */

static void on_query(void *ctx, Query *query)
{
    PgConn *c = ctx;
    MUTEX_GUARD(&c->lock);
    c->query = query;
    if (query && c->closed)
        query_cancel(query);
}

/* Queries take a token of their address; what users write who are known does not. */
static Status on_start(void *ctx, const Statement *statement, Error *err)
{
    PgConn *c = ctx;
    Admission *admission = c->server->options.admission;
    int retry_after_s;

    if (!admission || (c->auth.authenticated && statement_writes(statement)))
        return STATUS_OK;
    switch (admission_take_query(admission, "postgres", conn_peer(c->conn), c->startup.user,
                                 &retry_after_s)) {
    case ACCESS_GRANTED:
        return STATUS_OK;
    case ACCESS_BUSY:
        (void)error_set_sql(err, STATUS_UNAVAILABLE, "53300", 0,
                            "too many queries from this address");
        error_hint(err, "Try again in %d s.", retry_after_s);
        return STATUS_UNAVAILABLE;
    case ACCESS_UNAUTHENTICATED:
    case ACCESS_FORBIDDEN:
    case ACCESS_BANNED:
        break;
    }
    return error_set_sql(err, STATUS_DENIED, "28000", 0, "this address is banned");
}

static void run_resume(LoopTask *task)
{
    PgConn *c = LUMA_CONTAINER_OF(task, PgConn, resume_task);
    conn_resume(c->conn);
    unref(c);
}

static void run_close(LoopTask *task)
{
    PgConn *c = LUMA_CONTAINER_OF(task, PgConn, close_task);
    conn_close(c->conn);
    unref(c);
}

/* Output first, then the end. */
static void hang_up(PgConn *c)
{
    if (c->session.out.len)
        conn_post_write(c->conn, &c->session.out);
    if (c->finished)
        return;
    c->finished = true;
    loop_post(conn_loop(c->conn), &ref(c)->close_task);
}

static Status set_startup_option(PgConn *c, Str name, Str value, Error *err)
{
    if (str_eq(name, STR("user")) || str_eq(name, STR("database")) ||
        str_eq(name, STR("options")) || str_eq(name, STR("replication")) ||
        str_eq(name, STR("application_name")) || str_starts(name, STR("_pq_.")))
        return STATUS_OK;
    if (str_eq_nocase(name, STR("client_encoding"))) {
        /* Some clients quote it, some spell it otherwise; all there is is UTF-8. */
        if (value.len >= 2 && value.ptr[0] == '\'' && value.ptr[value.len - 1] == '\'')
            value = str_sub(value, 1, value.len - 2);
        if (str_eq_nocase(value, STR("utf8")) || str_eq_nocase(value, STR("utf-8")) ||
            str_eq_nocase(value, STR("unicode")) || str_eq_nocase(value, STR("sql_ascii")))
            value = STR("UTF8");
    }
    return session_set(c->session.session, name, value, err);
}

static Status apply_startup_options(PgConn *c, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};
    Str rest = c->startup.options;
    Str name;
    Str value;
    bool bad;

    while (pg_option_next(&rest, &scratch, &name, &value, &bad)) {
        if (bad)
            return error_set_sql(err, STATUS_INVALID, "42601", 0,
                                 "invalid command-line argument for server process");
        TRY(set_startup_option(c, name, value, err));
    }
    rest = c->startup.params;
    while (pg_startup_next(&rest, &name, &value))
        TRY(set_startup_option(c, name, value, err));
    return STATUS_OK;
}

static Status start_session(PgConn *c, Error *err)
{
    const PgServerOptions *o = &c->server->options;
    Session *session = NULL;
    char address[64];
    SessionOptions options = {
        .address = str_from(net_address_host(conn_peer(c->conn), address)),
        .protocol = STR("postgres"),
        .user = c->startup.user,
        .database = c->startup.database,
        .application_name = c->startup.application_name,
        .role = c->auth.role,
        .backend_pid = c->pid,
    };

    TRY(session_new(o->queries, &options, &session, err));
    pg_session_init(&c->session, session, o->statements_max, o->message_bytes_max);
    c->session.on_query = on_query;
    c->session.on_start = on_start;
    c->session.ctx = c;
    TRY(apply_startup_options(c, err));
    buf_clear(&c->session.out); /* settings announced so far come again, once each */
    pg_append_auth(&c->session.out, 0, STR(""));
    pg_session_append_parameters(&c->session);
    pg_append_backend_key(&c->session.out, c->pid, c->secret);
    pg_append_ready(&c->session.out, (char)session_transaction(session));
    return STATUS_OK;
}

static void begin_work(PgConn *c)
{
    Error err = {0};

    c->started = true;
    if (start_session(c, &err) == STATUS_OK)
        return;
    buf_clear(&c->session.out);
    pg_append_error(&c->session.out, "FATAL", &err);
    hang_up(c);
}

/* The last task of a connection. */
static void finish(PgConn *c)
{
    unregister_conn(c);
    if (c->session.session)
        pg_session_done(&c->session);
    else
        buf_done(&c->session.out);
    unref(c);
}

typedef enum TaskStep { TASK_WORK, TASK_IDLE, TASK_FINISH, TASK_DRAIN } TaskStep;

/* Takes new input when the old is used up. */
static TaskStep next_step(PgConn *c)
{
    bool resume = false;
    TaskStep step = TASK_WORK;

    mutex_lock(&c->lock);
    if (c->closed) {
        step = TASK_FINISH;
    } else if (c->finished) {
        buf_clear(&c->inbox);
        c->active = false;
        step = TASK_IDLE;
    } else if (c->started && c->work_pos == c->work.len && pg_session_waits(&c->session)) {
        Buf empty = c->work;
        buf_clear(&empty);
        c->work = c->inbox;
        c->work_pos = 0;
        c->inbox = empty;
        resume = c->paused;
        c->paused = false;
        bool wake = c->wake;
        c->wake = false;
        if (c->work.len == 0 && !wake) {
            step = c->draining ? TASK_DRAIN : TASK_IDLE;
            c->active = step != TASK_IDLE;
        }
    }
    mutex_unlock(&c->lock);
    if (resume)
        loop_post(conn_loop(c->conn), &ref(c)->resume_task);
    return step;
}

/* True when the task is over: on_drained will submit it again. */
static bool park(PgConn *c)
{
    mutex_lock(&c->lock);
    c->parked = true;
    mutex_unlock(&c->lock);
    /* It may have drained, or closed, before the flag stood. */
    if (conn_is_congested(c->conn) && !conn_is_closed(c->conn))
        return true;
    mutex_lock(&c->lock);
    bool mine = c->parked;
    c->parked = false;
    mutex_unlock(&c->lock);
    return !mine;
}

static void append_shutdown(PgConn *c)
{
    Error err;

    (void)error_set_sql(&err, STATUS_UNAVAILABLE, "57P01", 0,
                        "terminating connection due to administrator command");
    pg_append_error(&c->session.out, "FATAL", &err);
}

static void run_task(PoolTask *task)
{
    PgConn *c = LUMA_CONTAINER_OF(task, PgConn, task);

    for (;;) {
        size_t used = 0;
        PgOutcome outcome = PG_IDLE;
        switch (next_step(c)) {
        case TASK_FINISH:
            finish(c);
            return;
        case TASK_IDLE:
            unref(c);
            return;
        case TASK_DRAIN:
            append_shutdown(c);
            hang_up(c);
            continue;
        case TASK_WORK:
            break;
        }
        if (!c->started)
            begin_work(c);
        else
            outcome = pg_session_run(
                &c->session, (Str){c->work.ptr + c->work_pos, c->work.len - c->work_pos}, &used);
        c->work_pos += used;
        if (outcome == PG_CLOSE)
            hang_up(c);
        else if (c->session.out.len)
            conn_post_write(c->conn, &c->session.out);
        if (outcome == PG_IDLE)
            c->work_pos = c->work.len;
        if (conn_is_congested(c->conn) && park(c))
            return;
    }
}

/* ---------------------------------------------------------------- the loop: startup */

static void send_buf(PgConn *c, Buf *out)
{
    if (out->len)
        conn_write_buf(c->conn, out);
    buf_done(out);
}

static void refuse(PgConn *c, const Error *err)
{
    Buf out = {0};

    pg_append_error(&out, "FATAL", err);
    send_buf(c, &out);
    c->phase = PHASE_OVER;
    conn_close(c->conn);
}

/* Logged in: the rest is the task's. */
static void become_ready(PgConn *c)
{
    Error err = {0};

    if (!register_conn(c)) {
        (void)error_set(&err, STATUS_INTERNAL, "no random bytes for the cancel key");
        refuse(c, &err);
        return;
    }
    if (c->auth.authenticated)
        admission_login_good(c->server->options.admission, "postgres", conn_peer(c->conn),
                             c->startup.user);
    c->phase = PHASE_READY;
    conn_set_timeout(c->conn, 0);
    mutex_lock(&c->lock);
    c->active = true;
    mutex_unlock(&c->lock);
    if (!submit(ref(c))) {
        mutex_lock(&c->lock);
        c->active = false;
        mutex_unlock(&c->lock);
        unref(c);
        conn_close(c->conn);
    }
}

static void begin_auth(PgConn *c)
{
    Buf out = {0};
    Error err = {0};

    if (c->startup.code > PG_PROTOCOL_3_0 || str_find(c->startup.params, STR("_pq_.")) >= 0)
        pg_append_negotiate(&out, &c->startup);
    Status status = c->startup.replication
                        ? error_set_sql(&err, STATUS_UNSUPPORTED, "0A000", 0,
                                        "replication connections are not supported")
                        : pg_auth_begin(&c->auth, c->server->options.admission, c->conn,
                                        c->startup.user, &out, &err);
    send_buf(c, &out);
    if (status != STATUS_OK)
        refuse(c, &err);
    else if (c->auth.state == PG_AUTH_GRANTED)
        become_ready(c);
    else
        c->phase = PHASE_AUTH;
}

/* Answers a request for encryption. False = the connection is over. */
static bool answer_encryption(PgConn *c, bool tls, size_t used)
{
    Error err;

    if (++c->encryption_requests > ENCRYPTION_REQUESTS_MAX)
        return false;
    if (!tls || !conn_can_tls(c->conn) || conn_is_tls(c->conn)) {
        conn_write(c->conn, "N", 1);
        return true;
    }
    conn_write(c->conn, "S", 1);
    return conn_start_tls(c->conn, used, &err) == STATUS_OK;
}

/* The first packets of a connection; returns how many bytes were used. */
static size_t on_startup_data(PgConn *c, Str bytes)
{
    Error err = {0};
    Str body;
    size_t len;

    switch (pg_packet_next(bytes, &body, &len)) {
    case PG_FRAMING_MORE:
        return 0;
    case PG_FRAMING_BAD:
        (void)error_set_sql(&err, STATUS_INVALID, "08P01", 0, "invalid length of startup packet");
        refuse(c, &err);
        return bytes.len;
    case PG_FRAMING_WHOLE:
        break;
    }
    buf_clear(&c->packet);
    buf_append_str(&c->packet, body);
    Status status = pg_startup_parse(buf_str(&c->packet), &c->startup, &err);
    if (status != STATUS_OK) {
        refuse(c, &err);
        return bytes.len;
    }
    switch (c->startup.code) {
    case PG_SSL_CODE:
    case PG_GSS_CODE:
        if (!answer_encryption(c, c->startup.code == PG_SSL_CODE, c->data_used + len)) {
            c->phase = PHASE_OVER;
            conn_abort(c->conn);
        }
        return len;
    case PG_CANCEL_CODE:
        cancel_by_key(c->server, c->startup.cancel_pid, c->startup.cancel_secret);
        c->phase = PHASE_OVER;
        conn_close(c->conn);
        return bytes.len;
    default:
        break;
    }
    if (c->startup.code >> 16 != 3) {
        (void)error_set_sql(&err, STATUS_UNSUPPORTED, "0A000", 0,
                            "unsupported frontend protocol %u.%u: server supports 3.0 to 3.0",
                            c->startup.code >> 16, c->startup.code & 0xFFFF);
        refuse(c, &err);
        return bytes.len;
    }
    begin_auth(c);
    return len;
}

static size_t on_auth_data(PgConn *c, Str bytes)
{
    Buf out = {0};
    Error err = {0};
    PgMessage m;
    size_t len;
    Status status;

    switch (pg_message_next(bytes, AUTH_BYTES_MAX, &m, &len)) {
    case PG_FRAMING_MORE:
        return 0;
    case PG_FRAMING_BAD:
        m.type = 0;
        len = bytes.len;
        break;
    case PG_FRAMING_WHOLE:
        break;
    }
    if (m.type == 'X') {
        c->phase = PHASE_OVER;
        conn_close(c->conn);
        return bytes.len;
    }
    if (m.type == 'p')
        status = pg_auth_message(&c->auth, m.body, &out, &err);
    else
        status =
            error_set_sql(&err, STATUS_INVALID, "08P01", 0,
                          "expected password response, got message type %d", (unsigned char)m.type);
    send_buf(c, &out);
    if (status == STATUS_DENIED)
        admission_login_failed(c->server->options.admission, "postgres", conn_peer(c->conn),
                               c->startup.user);
    if (status != STATUS_OK)
        refuse(c, &err);
    else if (c->auth.state == PG_AUTH_GRANTED)
        become_ready(c);
    return len;
}

/* ---------------------------------------------------------------- the loop: messages */

static void bad_framing(PgConn *c)
{
    Error err = {0};

    (void)error_set_sql(&err, STATUS_INVALID, "08P01", 0, "invalid message length");
    refuse(c, &err);
}

/* Becomes the session's owner when no task is. */
static bool take_over(PgConn *c)
{
    MUTEX_GUARD(&c->lock);
    if (c->active || c->wake || c->draining)
        return false;
    c->active = true;
    return true;
}

/* The loop does what is quick itself. Returns the bytes used; *ret_owner: the session is still
 * ours, for a task. */
static size_t run_quick(PgConn *c, Str messages, bool *ret_owner)
{
    size_t used = 0;

    *ret_owner = false;
    if (conn_is_congested(c->conn) || !take_over(c))
        return 0;
    *ret_owner = true;
    if (!c->started || c->finished)
        return 0;
    PgOutcome outcome = pg_session_run_quick(&c->session, messages, QUICK_MESSAGES_MAX, &used);
    if (c->session.out.len)
        conn_write_buf(c->conn, &c->session.out);
    if (outcome != PG_IDLE)
        return used;
    mutex_lock(&c->lock);
    *ret_owner = c->active = c->wake;
    mutex_unlock(&c->lock);
    return used;
}

/* Does what is quick, hands the other whole messages over. */
static void hand_over(PgConn *c, Str messages)
{
    bool start;
    bool pause = false;
    size_t used = run_quick(c, messages, &start);

    if (used == messages.len && !start)
        return;
    mutex_lock(&c->lock);
    buf_append_str(&c->inbox, str_sub(messages, used, messages.len));
    if (!c->active)
        start = c->active = true;
    if (c->inbox.len > INBOX_BYTES_HIGH && !c->paused)
        pause = c->paused = true;
    mutex_unlock(&c->lock);
    if (pause)
        conn_pause(c->conn);
    if (start && !submit(ref(c))) {
        mutex_lock(&c->lock);
        c->active = false;
        mutex_unlock(&c->lock);
        unref(c);
    }
}

/* Bytes of the whole messages at the front; false for a length that cannot be. */
static bool whole_prefix(PgConn *c, Str bytes, size_t *ret_len)
{
    PgMessage m;
    size_t len;
    size_t pos = 0;

    for (;;) {
        PgFraming framing = pg_message_next(str_sub(bytes, pos, bytes.len),
                                            c->server->options.message_bytes_max, &m, &len);
        if (framing == PG_FRAMING_BAD)
            return false;
        if (framing == PG_FRAMING_MORE)
            break;
        pos += len;
    }
    *ret_len = pos;
    c->in_need = len;
    return true;
}

static void on_message_data(PgConn *c, Str bytes)
{
    size_t whole;

    if (c->in.len) {
        buf_append_str(&c->in, bytes);
        if (c->in.len < c->in_need)
            return;
        bytes = buf_str(&c->in);
    }
    if (!whole_prefix(c, bytes, &whole)) {
        bad_framing(c);
        return;
    }
    if (whole)
        hand_over(c, str_sub(bytes, 0, whole));
    if (c->in.len)
        buf_consume(&c->in, whole);
    else
        buf_append_str(&c->in, str_sub(bytes, whole, bytes.len));
}

static size_t on_data(Connection *conn, Str bytes)
{
    PgConn *c = conn_user(conn);
    size_t used = 0;

    while (used < bytes.len) {
        Str rest = str_sub(bytes, used, bytes.len);
        size_t n = 0;
        c->data_used = used;
        switch (c->phase) {
        case PHASE_STARTUP:
            n = on_startup_data(c, rest);
            break;
        case PHASE_AUTH:
            n = on_auth_data(c, rest);
            break;
        case PHASE_READY:
            on_message_data(c, rest);
            n = rest.len;
            break;
        case PHASE_OVER:
            n = rest.len;
            break;
        }
        if (n == 0)
            break;
        used += n;
    }
    return used;
}

static bool on_open(Connection *conn, void *ctx)
{
    PgServer *server = ctx;
    PgConn *c = MEM_NEW(PgConn);

    c->server = server;
    c->conn = conn_ref(conn);
    c->refs = 1;
    c->task.run = run_task;
    c->resume_task.run = run_resume;
    c->close_task.run = run_close;
    mutex_init(&c->lock);
    conn_set_user(conn, c);
    conn_set_timeout(conn, server->options.handshake_timeout_ns);
    return true;
}

static void on_drained(Connection *conn)
{
    PgConn *c = conn_user(conn);

    mutex_lock(&c->lock);
    bool wake = c->parked;
    c->parked = false;
    mutex_unlock(&c->lock);
    if (wake && !submit(c)) {
        mutex_lock(&c->lock);
        c->parked = true; /* on_close ends it */
        mutex_unlock(&c->lock);
    }
}

static void on_drain(Connection *conn)
{
    PgConn *c = conn_user(conn);
    Error err;

    mutex_lock(&c->lock);
    c->draining = true;
    bool busy = c->active;
    mutex_unlock(&c->lock);
    if (busy)
        return;
    (void)error_set_sql(&err, STATUS_UNAVAILABLE, "57P01", 0,
                        "terminating connection due to administrator command");
    refuse(c, &err);
}

static void on_close(Connection *conn)
{
    PgConn *c = conn_user(conn);

    if (!c)
        return;
    mutex_lock(&c->lock);
    c->closed = true;
    if (c->query)
        query_cancel(c->query);
    bool running = c->active && !c->parked;
    bool had_ref = c->active; /* a parked task keeps its reference */
    c->active = true;
    c->parked = false;
    mutex_unlock(&c->lock);
    if (!running) {
        if (!had_ref)
            (void)ref(c);
        if (!submit(c))
            finish(c); /* the pool has gone: nothing else runs */
    }
    unref(c);
}

static const ConnOps conn_ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---------------------------------------------------------------- server */

Status pg_server_new(const PgServerOptions *options, PgServer **ret_server, Error *err)
{
    PgServer *server = MEM_NEW(PgServer);
    Error full;

    server->options = *options;
    if (!server->options.message_bytes_max)
        server->options.message_bytes_max = 64 << 20;
    if (!server->options.statements_max)
        server->options.statements_max = 10000;
    if (!server->options.handshake_timeout_ns)
        server->options.handshake_timeout_ns = 60 * NS_PER_SEC;
    if (RAND_bytes((uint8_t *)&server->next_pid, sizeof server->next_pid) != 1) {
        mem_free(server);
        return error_set(err, STATUS_INTERNAL, "no random bytes");
    }
    server->next_pid &= 0xFFFFF;
    mutex_init(&server->lock);
    (void)error_set_sql(&full, STATUS_UNAVAILABLE, "53300", 0, "sorry, too many clients already");
    pg_append_error(&server->refusal, "FATAL", &full);
    *ret_server = server;
    return STATUS_OK;
}

Status pg_server_listen(PgServer *server, Loops *loops, const char *address, Tls *tls,
                        Listener **ret_listener, Error *err)
{
    ListenerOptions options = {
        .name = "postgres",
        .address = address,
        .ops = &conn_ops,
        .ctx = server,
        .tls = tls,
        .tls_mode = tls ? TLS_START : TLS_OFF,
        .refusal = buf_str(&server->refusal),
        .connections_max = server->options.connections_max,
    };

    if (server->options.admission)
        options.access = admission_access(server->options.admission);
    return listener_new(loops, &options, ret_listener, err);
}

void pg_server_stop(PgServer *server)
{
    MUTEX_GUARD(&server->lock);
    server->stopped = true;
}

PgServer *pg_server_free(PgServer *server)
{
    if (!server)
        return NULL;
    buf_done(&server->refusal);
    map_done(&server->by_pid);
    mutex_done(&server->lock);
    mem_free(server);
    return NULL;
}

/* status.h - how functions fail.
 *
 * A fallible function returns Status and takes an optional `Error *err` as its last parameter. The
 * Error is written only on failure. TRY passes a failure up; CLEANUP frees on every path. A
 * condition (end of stream, would block) is a value and not a Status.
 *
 * Threads: an Error belongs to its caller.
 */
#ifndef LUMA_BASE_STATUS_H
#define LUMA_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define STATUS_LIST(X)                                                                             \
    X(OK,          "ok")                                                                           \
    X(CANCELLED,   "cancelled")        /* the client or an operator asked for it */                \
    X(INVALID,     "invalid")          /* the input is wrong; the same input fails again */        \
    X(NOT_FOUND,   "not found")                                                                    \
    X(EXISTS,      "exists")                                                                       \
    X(UNSUPPORTED, "unsupported")      /* well-formed, but LumaDB does not do it */                \
    X(LIMIT,       "limit")            /* a budget or bound was reached */                         \
    X(NOMEM,       "out of memory")                                                                \
    X(IO,          "i/o error")                                                                    \
    X(CORRUPT,     "corrupt")          /* stored bytes fail their check */                         \
    X(TIMEOUT,     "timeout")                                                                      \
    X(UNAVAILABLE, "unavailable")      /* not now; a retry may succeed */                          \
    X(DENIED,      "denied")           /* authentication or role */                                \
    X(CONFLICT,    "conflict")         /* another transaction came first */                        \
    X(INTERNAL,    "internal")         /* a bug of ours, reported instead of a crash */
/* clang-format on */

typedef enum [[nodiscard]] Status{
#define X(name, text) STATUS_##name,
    STATUS_LIST(X)
#undef X
} Status;

typedef struct Error {
    Status status;      /* same value the function returned */
    int32_t position;   /* 1-based character in the query text, 0 = none */
    char sqlstate[6];   /* five letters, or "" = derived from status by the protocol */
    char message[1024]; /* one sentence, UTF-8, NUL-terminated */
    char detail[256];   /* optional: what exactly */
    char hint[256];     /* optional: what to do next */
    char context[320];  /* optional: where in the input, as PostgreSQL's CONTEXT */
} Error;

/* Fills *err (when not NULL) and returns `status`. The text is cut at a UTF-8 boundary if too long.
 */
Status error_set(Error *err, Status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with a SQLSTATE and a 1-based character position (0 = none). */
Status error_set_sql(Error *err, Status status, const char *sqlstate, int32_t position,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds detail, hint or context to an error that was set; no-ops on NULL. */
void error_detail(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_hint(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_context(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message, for the caller that knows the file or the object. */
void error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* errno as a Status error: "what: strerror". ENOSPC and EDQUOT give sqlstate 53100. */
Status error_set_errno(Error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Stable lower-case text of a status. */
const char *status_name(Status status);

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        Status try_status_ = (expr);                                                               \
        if (__builtin_expect(try_status_ != STATUS_OK, 0))                                         \
            return try_status_;                                                                    \
    } while (0)

/* Runs `fn(&var)` when the variable leaves scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Evaluates to the pointer and sets the variable to NULL: hands ownership on. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        typeof(p) steal_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        steal_;                                                                                    \
    })

/* ASSERT stays in release; a failure is a bug and aborts. DCHECK is for hot loops. */
void assert_fail(const char *expr, const char *file, int line) __attribute__((noreturn));
#define ASSERT(cond)                                                                               \
    (__builtin_expect(!(cond), 0) ? assert_fail(#cond, __FILE__, __LINE__) : (void)0)
#ifdef LUMA_DCHECK
#define DCHECK(cond) ASSERT(cond)
#else
#define DCHECK(cond) ((void)0)
#endif

#define LUMA_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LUMA_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LUMA_MAX(a, b) ((a) > (b) ? (a) : (b))
#define LUMA_LIKELY(x) __builtin_expect(!!(x), 1)
#define LUMA_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LUMA_ALIGN_UP(n, a) (((n) + (a)-1) & ~((typeof(n))(a)-1))
#define LUMA_CONTAINER_OF(ptr, type, member)                                                       \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif

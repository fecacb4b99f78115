#include "query/exec/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/compress/compress.h"

enum {
    BLOCK_HEAD_BYTES = 12,
    BLOCK_ROWS_MIN = 64,
    BLOCK_ROWS_MAX = 1024,
    BLOCK_BYTES = 16 << 10,
    BLOCK_TEXT_BYTES = 128 << 10, /* a block ends early when its texts grow */
    OWN_BYTES_MIN = 256 << 10,    /* a query that holds less is not asked to spill for others */
    BLOCK_BYTES_MAX = 1 << 30,
};

struct SpillFile {
    Exec *exec;
    const PlanNode *node;
    int fd; /* -1 = not made yet */
    int64_t bytes;
    uint64_t rows;
    uint64_t text_bytes; /* of `pending` */
    uint32_t column_count;
    uint32_t block_rows;
    Type *types;
    RowSet pending;
};

bool spill_wanted(const Exec *exec, int64_t more)
{
    int64_t own = mem_budget_used(&exec->budget);
    if (!exec->options.spill_dir)
        return false;
    for (const MemBudget *b = &exec->budget; b; b = b->parent) {
        int64_t limit = __atomic_load_n(&b->limit_bytes, __ATOMIC_RELAXED);
        if (limit == INT64_MAX)
            continue;
        int64_t used = mem_budget_used(b);
        bool others = used > own + own / 4; /* the budget of many queries */
        if (used + more > limit / 5 * 3 && (!others || own > OWN_BYTES_MIN))
            return true;
    }
    return false;
}

Status spill_file_new(Exec *exec, const PlanNode *node, const Type *types, uint32_t column_count,
                      SpillFile **ret_file, Error *err)
{
    SpillFile *file = MEM_NEW(SpillFile);
    file->exec = exec;
    file->node = node;
    file->fd = -1;
    file->column_count = column_count;
    file->types = MEM_NEW_ARRAY(Type, column_count + 1);
    size_t width = 1;
    for (uint32_t i = 0; i < column_count; i++) {
        file->types[i] = types[i];
        width += layout_width(type_layout(types[i]));
    }
    file->block_rows = (uint32_t)LUMA_MIN(LUMA_MAX(BLOCK_BYTES / width, (size_t)BLOCK_ROWS_MIN),
                                          (size_t)BLOCK_ROWS_MAX);
    Status status = rowset_init(&file->pending, &exec->budget, types, column_count, err);
    if (status != STATUS_OK) {
        (void)spill_file_free(file);
        return status;
    }
    *ret_file = file;
    return STATUS_OK;
}

SpillFile *spill_file_free(SpillFile *file)
{
    if (!file)
        return NULL;
    if (file->fd >= 0)
        close(file->fd);
    if (file->bytes && file->exec->options.spill_budget)
        mem_budget_release(file->exec->options.spill_budget, file->bytes);
    rowset_done(&file->pending);
    mem_free(file->types);
    mem_free(file);
    return NULL;
}

uint64_t spill_file_rows(const SpillFile *file)
{
    return file->rows;
}

/* ---------------------------------------------------------------- writing */

static Status disk_error(Error *err, const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return error_set_sql(err, STATUS_LIMIT, "53100", 0,
                             "the disk is full: a query could not write its temporary rows");
    return error_set_errno(err, errno, "cannot %s a temporary file of a query", what);
}

static Status make_file(SpillFile *file, Error *err)
{
    const char *dir = file->exec->options.spill_dir;
    file->fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (file->fd >= 0)
        return STATUS_OK;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/spill-XXXXXX", dir) >= (int)sizeof path)
        return error_set(err, STATUS_INTERNAL, "the folder for temporary files has a long name");
    file->fd = mkostemp(path, O_CLOEXEC);
    if (file->fd < 0)
        return disk_error(err, "make");
    unlink(path);
    return STATUS_OK;
}

static void encode_texts(const Column *c, uint32_t rows, Buf *out)
{
    const View *views = c->values;
    for (uint32_t i = 0; i < rows; i++)
        buf_append_u32(out, views[i].len);
    for (uint32_t i = 0; i < rows; i++) {
        Str text = view_str(&views[i]);
        buf_append(out, text.ptr, text.len);
    }
}

static void encode_column(const Column *c, uint32_t rows, Buf *out)
{
    Layout layout = type_layout(c->type);
    buf_append_byte(out, c->validity != NULL);
    if (c->validity)
        buf_append(out, c->validity, bitmap_bytes(rows));
    if (layout == LAYOUT_VIEW)
        encode_texts(c, rows, out);
    else if (layout == LAYOUT_BIT)
        buf_append(out, c->values, bitmap_bytes(rows));
    else
        buf_append(out, c->values, layout_width(layout) * rows);
}

static Status write_all(SpillFile *file, Str bytes, Error *err)
{
    while (bytes.len) {
        ssize_t n = pwrite(file->fd, bytes.ptr, bytes.len, file->bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return disk_error(err, "write");
        file->bytes += n;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return STATUS_OK;
}

static Status charge_disk(SpillFile *file, int64_t bytes, Error *err)
{
    MemBudget *budget = file->exec->options.spill_budget;
    if (budget && mem_budget_charge(budget, bytes, NULL) != STATUS_OK)
        return error_set_sql(err, STATUS_LIMIT, "53100", 0,
                             "queries need more temporary disk space than query.spill_bytes_max");
    exec__note_spill(file->exec, file->node, bytes);
    return STATUS_OK;
}

static Status write_block(SpillFile *file, Error *err)
{
    CLEANUP(buf_done) Buf plain = {0};
    CLEANUP(buf_done) Buf packed = {0};
    CLEANUP(buf_done) Buf head = {0};
    RecordBatch batch = rowset_batch(&file->pending);

    for (uint32_t i = 0; i < batch.column_count; i++)
        encode_column(&batch.columns[i], batch.row_count, &plain);
    if (plain.len > BLOCK_BYTES_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "rows are too long to be spilled");
    TRY(compress_encode(CODEC_LZ4, 0, buf_str(&plain), &packed, err));
    buf_append_u32(&head, batch.row_count);
    buf_append_u32(&head, (uint32_t)plain.len);
    buf_append_u32(&head, (uint32_t)packed.len);
    if (file->fd < 0)
        TRY(make_file(file, err));
    TRY(charge_disk(file, (int64_t)(head.len + packed.len), err));
    int64_t before = file->bytes;
    Status status = write_all(file, buf_str(&head), err);
    if (status == STATUS_OK)
        status = write_all(file, buf_str(&packed), err);
    if (status != STATUS_OK) /* what was charged is given back with the file */
        file->bytes = before + (int64_t)(head.len + packed.len);
    rowset_clear(&file->pending);
    file->text_bytes = 0;
    return status;
}

/* Long texts of the rows about to be added. */
static uint64_t text_bytes(const SpillFile *file, uint32_t from)
{
    uint64_t bytes = 0;
    for (uint32_t c = 0; c < file->column_count; c++) {
        if (type_layout(file->types[c]) != LAYOUT_VIEW)
            continue;
        const View *views = file->pending.columns[c].values;
        for (uint32_t i = from; i < file->pending.row_count; i++)
            bytes += views[i].len;
    }
    return bytes;
}

Status spill_file_append(SpillFile *file, const Column *columns, const uint32_t *rows,
                         uint32_t row_count, Error *err)
{
    uint32_t all[64];
    for (uint32_t from = 0; from < row_count;) {
        uint32_t count = LUMA_MIN(row_count - from, (uint32_t)LUMA_ARRAY_LEN(all));
        for (uint32_t i = 0; i < count; i++)
            all[i] = rows ? rows[from + i] : from + i;
        uint32_t before = file->pending.row_count;
        TRY(rowset_append(&file->pending, columns, all, count, err));
        file->text_bytes += text_bytes(file, before);
        file->rows += count;
        from += count;
        if (file->pending.row_count >= file->block_rows || file->text_bytes > BLOCK_TEXT_BYTES)
            TRY(write_block(file, err));
    }
    return STATUS_OK;
}

Status spill_file_end(SpillFile *file, Error *err)
{
    if (file->pending.row_count)
        TRY(write_block(file, err));
    rowset_done(&file->pending);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- reading */

static Status read_all(const SpillFile *file, void *to, size_t count, int64_t pos, Error *err)
{
    char *at = to;
    while (count) {
        ssize_t n = pread(file->fd, at, count, pos);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, n ? errno : EIO, "cannot read a query's temporary file");
        at += n;
        pos += n;
        count -= (size_t)n;
    }
    return STATUS_OK;
}

static Status decode_texts(BufReader *in, uint32_t rows, Arena *arena, Column *c, Error *err)
{
    View *views = column_values(c);
    Str lengths = buf_read_bytes(in, sizeof(uint32_t) * (size_t)rows);
    for (uint32_t i = 0; i < rows && lengths.len; i++) {
        uint32_t len;
        memcpy(&len, lengths.ptr + i * sizeof len, sizeof len);
        Str text = buf_read_bytes(in, len);
        views[i] = view_make(text.ptr, text.len); /* the block lies in the arena */
    }
    return STATUS_OK;
}

static Status decode_column(BufReader *in, Type type, uint32_t rows, Arena *arena, Column *ret,
                            Error *err)
{
    Layout layout = type_layout(type);
    bool nulls = buf_read_u8(in);
    TRY(column_init(ret, arena, type, rows, nulls, err));
    if (nulls) {
        Str bits = buf_read_bytes(in, bitmap_bytes(rows));
        memcpy(column_validity(ret), bits.ptr, bits.len);
    }
    if (layout == LAYOUT_VIEW)
        return decode_texts(in, rows, arena, ret, err);
    size_t bytes = layout == LAYOUT_BIT ? bitmap_bytes(rows) : layout_width(layout) * rows;
    Str values = buf_read_bytes(in, bytes);
    memcpy(column_values(ret), values.ptr, values.len);
    return STATUS_OK;
}

Status spill_reader_next(SpillReader *reader, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const SpillFile *file = reader->file;
    uint32_t head[3];
    char *packed;
    char *plain;

    *ret_batch = (RecordBatch){0};
    if (reader->pos >= file->bytes)
        return STATUS_OK;
    TRY(exec_check(file->exec, err));
    TRY(read_all(file, head, sizeof head, reader->pos, err));
    TRY(arena_try_alloc(arena, (size_t)head[2] + 1, &packed, err));
    TRY(arena_try_alloc(arena, (size_t)head[1] + 1, &plain, err));
    TRY(read_all(file, packed, head[2], reader->pos + BLOCK_HEAD_BYTES, err));
    reader->pos += BLOCK_HEAD_BYTES + head[2];
    TRY(compress_decode_exact(CODEC_LZ4, (Str){packed, head[2]}, plain, head[1], err));
    BufReader in = buf_reader((Str){plain, head[1]});
    ret_batch->row_count = head[0];
    ret_batch->column_count = file->column_count;
    TRY(exec__columns(arena, file->column_count, &ret_batch->columns, err));
    for (uint32_t i = 0; i < file->column_count; i++)
        TRY(decode_column(&in, file->types[i], head[0], arena, &ret_batch->columns[i], err));
    if (in.failed)
        return error_set(err, STATUS_CORRUPT, "a query's temporary file is damaged");
    return STATUS_OK;
}

/* out_queue.c - output that waits: a list of blocks that never move once filled, as the kernel may
 * be reading from them. */
#include "net/loop/loop_int.h"

enum { CHUNK_BYTES = 16 << 10 };

static void push_chunk(OutQueue *queue, char *ptr, size_t len, size_t cap)
{
    OutChunk *chunk = MEM_NEW(OutChunk);

    chunk->ptr = ptr;
    chunk->len = len;
    chunk->cap = cap;
    if (queue->tail)
        queue->tail->next = chunk;
    else
        queue->head = chunk;
    queue->tail = chunk;
    queue->bytes += len;
}

void loop__queue_copy(OutQueue *queue, const char *bytes, size_t len)
{
    OutChunk *tail = queue->tail;

    if (tail && tail->cap > tail->len) {
        size_t n = LUMA_MIN(len, tail->cap - tail->len);
        memcpy(tail->ptr + tail->len, bytes, n);
        tail->len += n;
        queue->bytes += n;
        bytes += n;
        len -= n;
    }
    if (!len)
        return;
    size_t cap = LUMA_MAX(len, (size_t)CHUNK_BYTES);
    char *ptr = mem_alloc(cap);
    memcpy(ptr, bytes, len);
    push_chunk(queue, ptr, len, cap);
}

void loop__queue_take(OutQueue *queue, Buf *take)
{
    /* A copy of a small piece is cheaper than a block and a slot of the write of its own. */
    if (take->len <= CHUNK_BYTES / 4) {
        if (take->len)
            loop__queue_copy(queue, take->ptr, take->len);
        buf_done(take);
        return;
    }
    size_t cap = take->cap;
    size_t len;
    char *ptr = buf_take(take, &len);
    push_chunk(queue, ptr, len, cap);
}

void loop__queue_consume(OutQueue *queue, size_t len)
{
    ASSERT(len <= queue->bytes);
    queue->bytes -= len;
    while (queue->head) {
        OutChunk *chunk = queue->head;
        size_t n = LUMA_MIN(len, chunk->len - chunk->pos);
        chunk->pos += n;
        len -= n;
        if (chunk->pos < chunk->len)
            return;
        queue->head = chunk->next;
        if (!queue->head)
            queue->tail = NULL;
        mem_free(chunk->ptr);
        mem_free(chunk);
    }
}

void loop__queue_clear(OutQueue *queue)
{
    while (queue->head) {
        OutChunk *chunk = queue->head;
        queue->head = chunk->next;
        mem_free(chunk->ptr);
        mem_free(chunk);
    }
    *queue = (OutQueue){0};
}

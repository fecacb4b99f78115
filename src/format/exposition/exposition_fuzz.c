#include "format/exposition/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The first byte picks the format; labels of every sample are read, too. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Label labels[EXPOSITION_LABELS_MAX];
    ExpositionItem item;
    Exposition e;
    uint32_t n;
    Arena arena;

    if (len == 0)
        return 0;
    arena_init(&arena, NULL);
    exposition_init(&e, str_make(bytes + 1, len - 1),
                    bytes[0] & 1 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT);
    while (exposition_next(&e, &item, NULL) == STATUS_OK && item.kind != EXPOSITION_END) {
        (void)exposition_unescape(item.text, false, &arena);
        (void)exposition_labels(item.series, &arena, labels, &n, NULL);
        if (item.has_exemplar)
            (void)exposition_labels(item.exemplar, &arena, labels, &n, NULL);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return 0;
}

/* Decodes a catalog change and applies it to the built-in catalog. */
#include "storage/catalog/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(arena_done) Arena arena = {0};
    CatalogChange change;
    Error err;

    arena_init(&arena, NULL);
    if (catalog_change_decode(str_make(bytes, len), &arena, &change, &err) != STATUS_OK)
        return 0;
    CatalogVersion *builtin = catalog_version_builtin();
    CatalogVersion *next = NULL;
    if (catalog_apply(builtin, &change, 1, &next, &err) == STATUS_OK) {
        CLEANUP(buf_done) Buf again = {0};
        catalog_change_encode(&change, &again);
        CatalogChange same;
        ASSERT(catalog_change_decode(buf_str(&again), &arena, &same, &err) == STATUS_OK);
        ASSERT(same.kind == change.kind && same.id == change.id);
        catalog_version_unref(next);
    }
    catalog_version_unref(builtin);
    return 0;
}

/* catalog_int.h - inside of a CatalogVersion. */
#ifndef LUMA_STORAGE_CATALOG_CATALOG_INT_H
#define LUMA_STORAGE_CATALOG_CATALOG_INT_H

#include "base/map.h"
#include "storage/catalog/catalog.h"

/* An object as versions share it. */
typedef struct CatalogBox {
    int64_t ref_count; /* atomic */
    CatalogKind kind;
    Str key;                 /* of the name in its space */
    const CatalogHead *head; /* the object */
    Arena arena;             /* owns it */
} CatalogBox;

typedef struct CatalogList {
    CatalogBox **boxes; /* by id */
    size_t count;
} CatalogList;

struct CatalogVersion {
    int64_t ref_count; /* atomic */
    uint32_t next_id;  /* of user objects */
    CatalogList lists[CATALOG_KIND_COUNT_];
    Map names; /* key -> CatalogBox */
};

/* ---- catalog_object.c: what objects are made of */

typedef enum CatalogFieldKind {
    FIELD_TEXT,  /* Str */
    FIELD_ID,    /* uint32_t given by the catalog */
    FIELD_U32,   /* uint32_t */
    FIELD_I32,   /* int32_t */
    FIELD_I64,   /* int64_t */
    FIELD_BOOL,  /* bool */
    FIELD_ENUM,  /* an enum: one of `names` */
    FIELD_TYPE,  /* Type */
    FIELD_TEXTS, /* const Str *, and a count */
    FIELD_IDS,   /* const uint32_t *, and a count */
    FIELD_U16S,  /* const uint16_t *, and a count */
    FIELD_LIST,  /* const struct *, and a count: `elements` */
} CatalogFieldKind;

typedef struct CatalogField {
    const char *name; /* in JSON */
    CatalogFieldKind kind;
    uint16_t offset;
    uint16_t count_offset;                /* of the uint32_t count of arrays */
    const struct CatalogLayout *elements; /* LIST */
    const char *const *names;             /* ENUM: NULL-terminated */
} CatalogField;

typedef struct CatalogLayout {
    const char *name; /* of the kind, in JSON */
    size_t size;      /* of the struct */
    const CatalogField *fields;
    uint32_t field_count;
} CatalogLayout;

extern const CatalogLayout catalog__layouts[CATALOG_KIND_COUNT_];
/* The highest id the catalog gave out that is in the object. */
uint32_t catalog__max_id(const CatalogLayout *layout, const void *object);

/* The built-in tables, in id order, without names resolved to a version. */
extern const Table catalog__builtin_tables[];
extern const size_t catalog__builtin_table_count;

/* For the loader: an empty version, and one more object in it. Duplicates give CORRUPT. */
CatalogVersion *catalog__version_new(uint32_t next_id);
Status catalog__add(CatalogVersion *version, CatalogKind kind, const void *object, Error *err);

#endif

/* builtin_tables.c - the tables every directory has (DESIGN section 3), with fixed ids. */
#include "storage/catalog/catalog_int.h"

#define COLUMN(name_, type_)                                                                       \
    {                                                                                              \
        .name = STR_INIT(name_), .type = {.id = TYPE_##type_, .typmod = -1 }                       \
    }
#define COLUMN_REQUIRED(name_, type_)                                                              \
    {                                                                                              \
        .name = STR_INIT(name_), .type = {.id = TYPE_##type_, .typmod = -1}, .not_null = true      \
    }

static const TableColumn metrics_columns[] = {
    COLUMN_REQUIRED("ts", TIMESTAMPTZ),
    COLUMN_REQUIRED("name", TEXT),
    COLUMN_REQUIRED("labels", JSONB),
    COLUMN("value", FLOAT8),
    COLUMN("stale", BOOL),
    COLUMN("histogram", JSONB),
    COLUMN("start_ts", TIMESTAMPTZ),
};

static const TableColumn exemplars_columns[] = {
    COLUMN_REQUIRED("ts", TIMESTAMPTZ), COLUMN_REQUIRED("name", TEXT),
    COLUMN_REQUIRED("labels", JSONB),   COLUMN("value", FLOAT8),
    COLUMN("trace_id", TEXT),           COLUMN("span_id", TEXT),
    COLUMN("attributes", JSONB),
};

static const TableColumn metadata_columns[] = {
    COLUMN_REQUIRED("name", TEXT),
    COLUMN("type", TEXT),
    COLUMN("unit", TEXT),
    COLUMN("help", TEXT),
};

static const TableColumn logs_columns[] = {
    COLUMN_REQUIRED("ts", TIMESTAMPTZ),
    COLUMN_REQUIRED("time_unix_nano", INT8),
    COLUMN("observed_ts", TIMESTAMPTZ),
    COLUMN("severity", TEXT),
    COLUMN("severity_number", INT2),
    COLUMN("service", TEXT),
    COLUMN("body", TEXT),
    COLUMN("attributes", JSONB),
    COLUMN("resource", JSONB),
    COLUMN("scope", JSONB),
    COLUMN("trace_id", TEXT),
    COLUMN("span_id", TEXT),
    COLUMN("flags", INT4),
    COLUMN("event_name", TEXT),
};

static const TableColumn traces_columns[] = {
    COLUMN_REQUIRED("ts", TIMESTAMPTZ),
    COLUMN_REQUIRED("start_unix_nano", INT8),
    COLUMN("duration_ns", INT8),
    COLUMN("trace_id", TEXT),
    COLUMN("span_id", TEXT),
    COLUMN("parent_span_id", TEXT),
    COLUMN("name", TEXT),
    COLUMN("kind", TEXT),
    COLUMN("service", TEXT),
    COLUMN("status", TEXT),
    COLUMN("status_message", TEXT),
    COLUMN("attributes", JSONB),
    COLUMN("resource", JSONB),
    COLUMN("scope", JSONB),
    COLUMN("events", JSONB),
    COLUMN("links", JSONB),
    COLUMN("trace_state", TEXT),
};

static const TableColumn audit_columns[] = {
    COLUMN_REQUIRED("ts", TIMESTAMPTZ), COLUMN_REQUIRED("user_name", TEXT),
    COLUMN_REQUIRED("address", TEXT),   COLUMN_REQUIRED("protocol", TEXT),
    COLUMN_REQUIRED("action", TEXT),    COLUMN_REQUIRED("object", TEXT),
    COLUMN_REQUIRED("outcome", TEXT),   COLUMN_REQUIRED("detail", TEXT),
};

#define TABLE(offset, kind_, name_, columns_, time_)                                               \
    {                                                                                              \
        .id = TABLE_ID_FIRST_BUILTIN + (offset), .store_id = TABLE_ID_FIRST_BUILTIN + (offset),    \
        .schema_version = 1, .kind = (kind_), .schema = STR_INIT("public"),                        \
        .name = STR_INIT(name_), .columns = (columns_), .column_count = LUMA_ARRAY_LEN(columns_),  \
        .time_column = (time_)                                                                     \
    }

const Table catalog__builtin_tables[] = {
    TABLE(0, TABLE_METRICS, "metrics", metrics_columns, 0),
    TABLE(1, TABLE_EXEMPLARS, "exemplars", exemplars_columns, 0),
    TABLE(2, TABLE_METRIC_METADATA, "metric_metadata", metadata_columns, -1),
    TABLE(3, TABLE_LOGS, "logs", logs_columns, 0),
    TABLE(4, TABLE_TRACES, "traces", traces_columns, 0),
    TABLE(5, TABLE_USER, "audit_log", audit_columns, 0),
};
const size_t catalog__builtin_table_count = LUMA_ARRAY_LEN(catalog__builtin_tables);

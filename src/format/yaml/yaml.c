#include "format/yaml/yaml.h"

#include <stdio.h>
#include <yaml.h>

typedef struct Walk {
    yaml_document_t *document;
    Arena *arena;
    YamlNode **made;  /* by libyaml node index, from 1 */
    uint8_t *on_path; /* is the node an ancestor of itself? */
    uint32_t node_count;
    Error *err;
} Walk;

static Status convert(Walk *walk, int index, int depth, const YamlNode **ret_node);

Status yaml_error(const YamlNode *node, Error *err, const char *format, ...)
{
    char text[800];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, STATUS_INVALID, "line %u, column %u: %s", node->line, node->column, text);
}

const YamlNode *yaml_get(const YamlNode *node, Str key)
{
    if (!node || node->kind != YAML_MAPPING)
        return NULL;
    for (uint32_t i = 0; i < node->count; i++)
        if (str_eq(node->pairs[i].key->text, key))
            return node->pairs[i].value;
    return NULL;
}

static bool is_null_text(Str text)
{
    return text.len == 0 || str_eq(text, STR("~")) || str_eq(text, STR("null")) ||
           str_eq(text, STR("Null")) || str_eq(text, STR("NULL"));
}

static void convert_scalar(const yaml_node_t *raw, Arena *arena, YamlNode *node)
{
    Str text = {(const char *)raw->data.scalar.value, raw->data.scalar.length};

    node->quoted = raw->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->kind = !node->quoted && is_null_text(text) ? YAML_NULL : YAML_SCALAR;
    node->text = arena_str(arena, text);
}

static Status convert_sequence(Walk *walk, const yaml_node_t *raw, int depth, YamlNode *node)
{
    size_t count = (size_t)(raw->data.sequence.items.top - raw->data.sequence.items.start);

    node->kind = YAML_SEQUENCE;
    node->items = ARENA_NEW_ARRAY(walk->arena, const YamlNode *, count);
    for (size_t i = 0; i < count; i++) {
        TRY(convert(walk, raw->data.sequence.items.start[i], depth + 1, &node->items[i]));
        node->count++;
    }
    return STATUS_OK;
}

typedef struct PairList {
    YamlPair *pairs;
    uint32_t count;
    uint32_t cap;
} PairList;

static bool has_key(const PairList *list, Str key)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (str_eq(list->pairs[i].key->text, key))
            return true;
    return false;
}

/* `<<: *a` or `<<: [*a, *b]`: keys that the mapping does not have itself; earlier maps win. */
static Status merge_into(Walk *walk, const YamlNode *source, PairList *list)
{
    if (source->kind == YAML_SEQUENCE) {
        for (uint32_t i = 0; i < source->count; i++)
            TRY(merge_into(walk, source->items[i], list));
        return STATUS_OK;
    }
    if (source->kind != YAML_MAPPING)
        return yaml_error(source, walk->err, "the merge key << needs a mapping");
    for (uint32_t i = 0; i < source->count; i++)
        if (!has_key(list, source->pairs[i].key->text))
            ARENA_PUSH(walk->arena, list->pairs, list->count, list->cap, source->pairs[i]);
    return STATUS_OK;
}

static Status convert_mapping(Walk *walk, const yaml_node_t *raw, int depth, YamlNode *node)
{
    PairList list = {0};
    const YamlNode *merged = NULL;

    for (const yaml_node_pair_t *pair = raw->data.mapping.pairs.start;
         pair < raw->data.mapping.pairs.top; pair++) {
        YamlPair made;
        TRY(convert(walk, pair->key, depth + 1, &made.key));
        TRY(convert(walk, pair->value, depth + 1, &made.value));
        if (made.key->kind == YAML_SEQUENCE || made.key->kind == YAML_MAPPING)
            return yaml_error(made.key, walk->err, "a key must be a scalar");
        if (str_eq(made.key->text, STR("<<")) && !made.key->quoted) {
            merged = made.value;
            continue;
        }
        if (has_key(&list, made.key->text))
            return yaml_error(made.key, walk->err, "key \"%.*s\" comes twice",
                              (int)LUMA_MIN(made.key->text.len, 100), made.key->text.ptr);
        ARENA_PUSH(walk->arena, list.pairs, list.count, list.cap, made);
    }
    if (merged)
        TRY(merge_into(walk, merged, &list));
    node->kind = YAML_MAPPING;
    node->pairs = list.pairs;
    node->count = list.count;
    return STATUS_OK;
}

static Status convert(Walk *walk, int index, int depth, const YamlNode **ret_node)
{
    const yaml_node_t *raw = yaml_document_get_node(walk->document, index);
    YamlNode *node = walk->made[index];

    if (node && !walk->on_path[index]) {
        *ret_node = node;
        return STATUS_OK;
    }
    YamlNode here = {.line = (uint32_t)raw->start_mark.line + 1,
                     .column = (uint32_t)raw->start_mark.column + 1};
    if (walk->on_path[index])
        return yaml_error(&here, walk->err, "the document contains itself");
    if (depth > YAML_DEPTH_MAX)
        return yaml_error(&here, walk->err, "nested deeper than %d levels", YAML_DEPTH_MAX);
    if (++walk->node_count > YAML_NODES_MAX)
        return yaml_error(&here, walk->err, "more than %d values", YAML_NODES_MAX);
    node = ARENA_NEW(walk->arena, YamlNode);
    *node = here;
    walk->made[index] = node;
    walk->on_path[index] = 1;
    switch (raw->type) {
    case YAML_SCALAR_NODE:
        convert_scalar(raw, walk->arena, node);
        break;
    case YAML_SEQUENCE_NODE:
        TRY(convert_sequence(walk, raw, depth, node));
        break;
    case YAML_MAPPING_NODE:
        TRY(convert_mapping(walk, raw, depth, node));
        break;
    case YAML_NO_NODE:
        break;
    }
    walk->on_path[index] = 0;
    *ret_node = node;
    return STATUS_OK;
}

static Status parser_error(const yaml_parser_t *parser, Error *err)
{
    return error_set(err, STATUS_INVALID, "line %zu, column %zu: %s%s%s",
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                     parser->context ? parser->context : "", parser->context ? ", " : "",
                     parser->problem ? parser->problem : "not YAML");
}

static Status convert_document(yaml_document_t *document, Arena *arena, const YamlNode **ret_root,
                               Error *err)
{
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    Walk walk = {.document = document, .arena = arena, .err = err};

    if (count == 0) {
        YamlNode *empty = ARENA_NEW(arena, YamlNode);
        empty->line = empty->column = 1;
        *ret_root = empty;
        return STATUS_OK;
    }
    walk.made = MEM_NEW_ARRAY(YamlNode *, count + 1);
    walk.on_path = MEM_NEW_ARRAY(uint8_t, count + 1);
    Status status = convert(&walk, 1, 0, ret_root);
    mem_free(walk.made);
    mem_free(walk.on_path);
    return status;
}

Status yaml_parse(Str text, Arena *arena, const YamlNode **ret_root, Error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    yaml_document_t second;

    if (!str_utf8_valid(text))
        return error_set(err, STATUS_INVALID, "the text is not valid UTF-8");
    if (!yaml_parser_initialize(&parser))
        return error_set(err, STATUS_NOMEM, "no memory for a YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""),
                                 text.len);
    if (!yaml_parser_load(&parser, &document)) {
        Status status = parser_error(&parser, err);
        yaml_parser_delete(&parser);
        return status;
    }
    Status status = convert_document(&document, arena, ret_root, err);
    bool any = yaml_document_get_root_node(&document) != NULL;
    yaml_document_delete(&document);
    if (status == STATUS_OK && any) {
        if (!yaml_parser_load(&parser, &second)) {
            status = parser_error(&parser, err);
        } else {
            const yaml_node_t *root = yaml_document_get_root_node(&second);
            if (root)
                status = error_set(err, STATUS_INVALID,
                                   "line %zu, column %zu: a second document begins here",
                                   root->start_mark.line + 1, root->start_mark.column + 1);
            yaml_document_delete(&second);
        }
    }
    yaml_parser_delete(&parser);
    return status;
}

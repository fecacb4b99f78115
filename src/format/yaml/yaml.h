/* yaml.h - a YAML document as a tree with positions, over libyaml.
 *
 * Scalars keep their text as written ("yes" stays "yes", 0123 stays 0123); who reads a value
 * decides its type. The merge key `<<` is resolved. Aliases share nodes; a document that contains
 * itself is refused. A tree is immutable and lives in the arena it was parsed into.
 */
#ifndef LUMA_FORMAT_YAML_YAML_H
#define LUMA_FORMAT_YAML_YAML_H

#include "base/arena.h"

typedef enum YamlKind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING } YamlKind;

typedef struct YamlNode YamlNode;

typedef struct YamlPair {
    const YamlNode *key; /* a scalar */
    const YamlNode *value;
} YamlPair;

struct YamlNode {
    YamlKind kind;
    uint32_t line; /* from 1 */
    uint32_t column;
    bool quoted;            /* a scalar in quotes or a block: never null, never a number by looks */
    Str text;               /* YAML_SCALAR */
    const YamlNode **items; /* YAML_SEQUENCE */
    const YamlPair *pairs;  /* YAML_MAPPING, keys unique, in order */
    uint32_t count;         /* items or pairs */
};

enum { YAML_DEPTH_MAX = 64, YAML_NODES_MAX = 1 << 20 };

/* One document; more than one, a duplicate key or a key that is no scalar is INVALID. An empty text
 * is YAML_NULL. Messages begin with "line L, column C: ". */
Status yaml_parse(Str text, Arena *arena, const YamlNode **ret_root, Error *err);

/* The value under a key of a mapping, NULL when absent (or when `node` is no mapping). */
const YamlNode *yaml_get(const YamlNode *node, Str key);

/* Sets an INVALID error "line L, column C: ..." at the node. */
Status yaml_error(const YamlNode *node, Error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

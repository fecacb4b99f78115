#include "format/yaml/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Walks everything that was parsed, as a reader would. */
static size_t visit(const YamlNode *node, size_t *budget)
{
    size_t sum = node->text.len + node->line;

    if (*budget == 0) /* shared nodes make the walk longer than the document */
        return sum;
    (*budget)--;
    for (uint32_t i = 0; i < node->count; i++)
        sum += node->kind == YAML_SEQUENCE ? visit(node->items[i], budget)
                                           : visit(node->pairs[i].value, budget);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Arena arena;
    const YamlNode *root;
    size_t budget = 100000;

    arena_init(&arena, NULL);
    if (yaml_parse(str_make(bytes, len), &arena, &root, NULL) == STATUS_OK)
        (void)visit(root, &budget);
    arena_done(&arena);
    return 0;
}

/* http_router.c - patterns to handlers: a trie of path segments.
 *
 * A node has literal children, at most one parameter child and at most one rest child; they are
 * tried in this order, with a step back when the deeper path fails. Patterns have few segments, so
 * the search is bounded by 2^(parameters on one path).
 */
#include "net/http/http_int.h"

enum {
    PARAMS_MAX = 8,
    METHOD_COUNT = 7,
};

typedef struct RouteNode {
    Str literal;             /* of the segment that leads here */
    struct RouteNode *child; /* first literal child */
    struct RouteNode *sibling;
    struct RouteNode *param;        /* "{name}" */
    struct RouteNode *rest;         /* "{name...}" */
    unsigned methods;               /* with a route here */
    HttpRoute routes[METHOD_COUNT]; /* by bit number of the method */
} RouteNode;

typedef struct ErrorRule {
    Str prefix;
    HttpErrorWriter writer;
} ErrorRule;

struct HttpRouter {
    Arena arena;
    RouteNode root;
    ErrorRule *rules;
    size_t rule_count;
    size_t rule_cap;
    HttpRefuser refuser;
};

HttpRouter *http_router_new(void)
{
    HttpRouter *router = MEM_NEW(HttpRouter);
    arena_init(&router->arena, NULL);
    return router;
}

HttpRouter *http_router_free(HttpRouter *router)
{
    if (!router)
        return NULL;
    arena_done(&router->arena);
    mem_free(router);
    return NULL;
}

static bool is_param(Str segment)
{
    return segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

static bool is_rest(Str segment)
{
    return is_param(segment) && str_ends(segment, STR("...}"));
}

static RouteNode *literal_child(const RouteNode *node, Str segment)
{
    for (RouteNode *child = node->child; child; child = child->sibling)
        if (str_eq(child->literal, segment))
            return child;
    return NULL;
}

static RouteNode *make_child(HttpRouter *router, RouteNode *node, Str segment)
{
    RouteNode **place;
    RouteNode *found;

    if (is_rest(segment)) {
        place = &node->rest;
    } else if (is_param(segment)) {
        place = &node->param;
    } else {
        found = literal_child(node, segment);
        if (found)
            return found;
        found = ARENA_NEW(&router->arena, RouteNode);
        found->literal = segment;
        found->sibling = node->child;
        node->child = found;
        return found;
    }
    if (!*place)
        *place = ARENA_NEW(&router->arena, RouteNode);
    return *place;
}

void http_router_add(HttpRouter *router, const HttpRoute *route)
{
    Str rest = str_from(route->pattern);
    Str segment;
    RouteNode *node = &router->root;
    bool ended = false;

    ASSERT(rest.len && rest.ptr[0] == '/' && route->handler && route->methods &&
           route->methods < 1u << METHOD_COUNT);
    rest = str_sub(rest, 1, rest.len);
    while (str_split(&rest, '/', &segment)) {
        ASSERT(!ended); /* nothing may follow {rest...} */
        ended = is_rest(segment);
        node = make_child(router, node, segment);
    }
    unsigned added = route->methods;
    ASSERT(!(node->methods & added));
    for (unsigned i = 0; i < METHOD_COUNT; i++)
        if (added & 1u << i)
            node->routes[i] = *route;
    node->methods |= added;
    if (added & HTTP_GET && !(node->methods & HTTP_HEAD)) {
        node->routes[__builtin_ctz(HTTP_HEAD)] = *route;
        node->methods |= HTTP_HEAD;
    }
}

typedef struct Search {
    Arena *arena;
    Str values[PARAMS_MAX];
    size_t value_count;
    bool bad_escape;
} Search;

/* Takes the next segment of the path off *rest; `rest` stands behind a '/'. */
static const RouteNode *search_node(Search *search, const RouteNode *node, Str path)
{
    Str rest = path;
    Str raw;
    Str segment;
    const RouteNode *found;

    if (!str_split(&rest, '/', &raw))
        return node->methods ? node : NULL;
    if (!http_percent_decode(raw, false, search->arena, &segment)) {
        search->bad_escape = true;
        return NULL;
    }
    const RouteNode *child = literal_child(node, segment);
    if (child && (found = search_node(search, child, rest)))
        return found;
    size_t count = search->value_count;
    if (node->param && segment.len && count < PARAMS_MAX) {
        search->values[search->value_count++] = segment;
        if ((found = search_node(search, node->param, rest)))
            return found;
        search->value_count = count;
    }
    if (node->rest && count < PARAMS_MAX &&
        http_percent_decode(path, false, search->arena, &segment)) {
        search->values[search->value_count++] = segment;
        return node->rest;
    }
    return NULL;
}

/* Gives the values the names that the route's own pattern has for them. */
static void name_params(const HttpRoute *route, const Search *search, RouteMatch *match)
{
    Str rest = str_from(route->pattern);
    Str segment;
    size_t n = 0;

    match->params = ARENA_NEW_ARRAY(search->arena, HttpField, search->value_count);
    while (str_split(&rest, '/', &segment)) {
        if (!is_param(segment))
            continue;
        size_t braces = is_rest(segment) ? 5 : 2;
        ASSERT(n < search->value_count);
        match->params[n] =
            (HttpField){str_sub(segment, 1, segment.len - braces), search->values[n]};
        n++;
    }
    match->param_count = n;
}

Status http__router_find(const HttpRouter *router, HttpMethod method, Str path, Arena *arena,
                         RouteMatch *ret_match)
{
    Search search = {.arena = arena};
    RouteMatch match = {0};

    if (path.len && path.ptr[0] == '/') {
        const RouteNode *node = search_node(&search, &router->root, str_sub(path, 1, path.len));
        if (search.bad_escape)
            return STATUS_INVALID;
        if (node) {
            match.methods = node->methods;
            if (node->methods & method) {
                match.route = &node->routes[__builtin_ctz(method)];
                name_params(match.route, &search, &match);
            }
        }
    }
    *ret_match = match;
    return STATUS_OK;
}

void http_router_on_error(HttpRouter *router, const char *prefix, HttpErrorWriter writer)
{
    ErrorRule rule = {str_from(prefix), writer};
    ARENA_PUSH(&router->arena, router->rules, router->rule_count, router->rule_cap, rule);
}

void http_router_on_refuse(HttpRouter *router, HttpRefuser refuser)
{
    router->refuser = refuser;
}

HttpRefuser http__router_refuser(const HttpRouter *router)
{
    return router->refuser;
}

Arena *http_router_arena(HttpRouter *router)
{
    return &router->arena;
}

HttpErrorWriter http__router_error_writer(const HttpRouter *router, Str path)
{
    const ErrorRule *best = NULL;

    for (size_t i = 0; i < router->rule_count; i++) {
        const ErrorRule *rule = &router->rules[i];
        if (str_starts(path, rule->prefix) && (!best || rule->prefix.len > best->prefix.len))
            best = rule;
    }
    return best ? best->writer : NULL;
}

/* jsonb_order.c - order and hash of jsonb values, over their canonical texts. */
#include "base/hash.h"
#include "format/json/json_scan.h"
#include "format/pgtype/jsonb.h"
#include "format/pgtype/numeric.h"

/* In jsonb's order. */
typedef enum Rank { RANK_NULL, RANK_STRING, RANK_NUMBER, RANK_BOOL, RANK_ARRAY, RANK_OBJECT } Rank;

static Rank rank_of(Str s)
{
    switch (s.len ? s.ptr[0] : 'n') {
    case '{':
        return RANK_OBJECT;
    case '[':
        return RANK_ARRAY;
    case 't':
    case 'f':
        return RANK_BOOL;
    case '"':
        return RANK_STRING;
    case 'n':
        return RANK_NULL;
    default:
        return RANK_NUMBER;
    }
}

/* The next byte of a quoted string's content; -1 at its end. Canonical texts escape only quotes,
 * backslashes and control characters. */
static int next_byte(Str s, size_t *at)
{
    static const char letters[] = "b\bf\fn\nr\rt\t";
    if (*at + 1 >= s.len)
        return -1;
    char c = s.ptr[(*at)++];
    if (c != '\\')
        return (unsigned char)c;
    c = s.ptr[(*at)++];
    if (c == 'u') {
        unsigned low = (unsigned char)s.ptr[*at + 3];
        unsigned high = (unsigned char)s.ptr[*at + 2];
        *at += 4;
        return (int)((high - '0') << 4 | (low <= '9' ? low - '0' : (low | 0x20) - 'a' + 10));
    }
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (letters[i] == c)
            return letters[i + 1];
    return (unsigned char)c;
}

static int cmp_strings(Str a, Str b)
{
    size_t i = 1;
    size_t j = 1;
    for (;;) {
        int x = next_byte(a, &i);
        int y = next_byte(b, &j);
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

static int cmp_numbers(Str a, Str b)
{
    Arena scratch;
    View x;
    View y;
    int order = 0;
    if (str_eq(a, b))
        return 0;
    arena_init(&scratch, NULL);
    if (numeric_parse(a, -1, &scratch, &x, NULL) == STATUS_OK &&
        numeric_parse(b, -1, &scratch, &y, NULL) == STATUS_OK)
        order = numeric_cmp(&x, &y);
    arena_done(&scratch);
    return order;
}

static int cmp_values(Str a, Str b, int depth);

static int cmp_members(Str a, Str b, int depth)
{
    Str a_key, a_value, b_key, b_value;
    uint32_t x = json_scan_count(a);
    uint32_t y = json_scan_count(b);
    size_t i = 0;
    size_t j = 0;
    int order = 0;
    if (x != y)
        return x < y ? -1 : 1;
    while (!order && json_scan_next(a, &i, &a_key, &a_value) &&
           json_scan_next(b, &j, &b_key, &b_value)) {
        if (a_key.len)
            order = cmp_strings(a_key, b_key);
        if (!order)
            order = cmp_values(a_value, b_value, depth + 1);
    }
    return order;
}

static int cmp_values(Str a, Str b, int depth)
{
    Rank x = rank_of(a);
    Rank y = rank_of(b);
    if (x != y)
        return x < y ? -1 : 1;
    switch (x) {
    case RANK_NULL:
        return 0;
    case RANK_BOOL:
        return (a.ptr[0] == 't') - (b.ptr[0] == 't');
    case RANK_STRING:
        return cmp_strings(a, b);
    case RANK_NUMBER:
        return cmp_numbers(a, b);
    case RANK_ARRAY:
    case RANK_OBJECT:
        return depth > JSONB_DEPTH_MAX ? str_cmp(a, b) : cmp_members(a, b, depth);
    }
    return 0;
}

int jsonb_cmp(Str a, Str b)
{
    bool a_empty = str_eq(a, STR("[]"));
    bool b_empty = str_eq(b, STR("[]"));
    if (str_eq(a, b))
        return 0;
    /* PostgreSQL sorts an empty array below the scalars, not above them. */
    if (a_empty && rank_of(b) < RANK_ARRAY)
        return -1;
    if (b_empty && rank_of(a) < RANK_ARRAY)
        return 1;
    return cmp_values(a, b, 0);
}

/* The digits of a number without what its value does not need: 1.50 -> 1.5, 2.0 -> 2. */
static Str plain_number(Str number)
{
    if (str_find_byte(number, '.') < 0)
        return number;
    while (number.ptr[number.len - 1] == '0')
        number.len--;
    if (number.ptr[number.len - 1] == '.')
        number.len--;
    return number;
}

uint64_t jsonb_hash(Str text)
{
    uint64_t hash = 0;
    size_t from = 0;
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        if (c == '"') {
            for (i++; i < text.len && text.ptr[i] != '"'; i++)
                i += text.ptr[i] == '\\';
            i++;
            continue;
        }
        if (c != '-' && (c < '0' || c > '9')) {
            i++;
            continue;
        }
        size_t end = i;
        while (end < text.len && (text.ptr[end] == '-' || text.ptr[end] == '.' ||
                                  (text.ptr[end] >= '0' && text.ptr[end] <= '9')))
            end++;
        Str number = plain_number(str_sub(text, i, end - i));
        hash = hash_u64(hash ^ hash64(text.ptr + from, i - from, 0));
        hash = hash_u64(hash ^ hash64(number.ptr, number.len, 1));
        from = i = end;
    }
    return hash_u64(hash ^ hash64(text.ptr + from, text.len - from, 0));
}

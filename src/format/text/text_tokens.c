#include "format/text/text_tokens.h"

#include <utf8proc.h>

#include "base/mem.h"
#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { FOLD_POINTS_MAX = 24, CHUNK = 32 };

void text_tokens_done(TextTokens *tokens)
{
    mem_free(tokens->items);
    mem_free(tokens->folded);
    mem_free(tokens->plain);
    mem_free(tokens->edges);
    *tokens = (TextTokens){0};
}

/* ---------------------------------------------------------------- tokens of runs */

static void push(TextTokens *tokens, TextToken token)
{
    MEM_GROW(tokens->items, tokens->cap, (size_t)tokens->count + 1);
    tokens->items[tokens->count++] = token;
}

/* A run of ASCII: the folded text lies as the source does. */
static void push_run(TextTokens *tokens, uint32_t from, uint32_t to)
{
    bool cut = to - from > TEXT_TOKEN_BYTES_MAX;

    for (; to - from > TEXT_TOKEN_BYTES_MAX; from += TEXT_TOKEN_BYTES_MAX)
        push(tokens,
             (TextToken){from, TEXT_TOKEN_BYTES_MAX, true, from, from + TEXT_TOKEN_BYTES_MAX});
    push(tokens, (TextToken){from, (uint16_t)(to - from), cut, from, to});
    tokens->cut |= cut;
}

static void push_edges(TextTokens *tokens, const uint32_t *edges, size_t count)
{
    MEM_GROW(tokens->items, tokens->cap, count / 2);
    for (size_t i = 0; i + 1 < count; i += 2) {
        uint32_t from = edges[i];
        uint32_t to = edges[i + 1];
        if (LUMA_LIKELY(to - from <= TEXT_TOKEN_BYTES_MAX && tokens->count < tokens->cap))
            tokens->items[tokens->count++] =
                (TextToken){from, (uint16_t)(to - from), false, from, to};
        else
            push_run(tokens, from, to);
    }
}

/* ---------------------------------------------------------------- ASCII */

static bool is_ascii_word(uint8_t c)
{
    return (c | 0x20) - 'a' <= 25u || c - '0' <= 9u || c == '_';
}

/* Folds [at, len) and writes the edges of its runs. SIZE_MAX when a byte is not ASCII. */
static size_t ascii_edges(const uint8_t *text, size_t at, size_t len, bool inside, char *folded,
                          uint32_t *edges)
{
    size_t count = 0;

    for (; at < len; at++) {
        uint8_t c = text[at];
        if (c >= 0x80)
            return SIZE_MAX;
        folded[at] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        edges[count] = (uint32_t)at;
        bool word = is_ascii_word(c);
        count += word != inside;
        inside = word;
    }
    if (inside)
        edges[count++] = (uint32_t)len;
    return count;
}

#if defined(__x86_64__)
/* The same, 32 bytes at a time. */
__attribute__((target("avx2,bmi"))) static size_t ascii_edges_avx2(const uint8_t *text, size_t len,
                                                                   char *folded, uint32_t *edges)
{
    const __m256i case_bit = _mm256_set1_epi8(0x20);
    uint32_t carry = 0;
    size_t count = 0;
    size_t at = 0;

    for (; at + CHUNK <= len; at += CHUNK) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(text + at));
        if (_mm256_movemask_epi8(v))
            return SIZE_MAX;
        __m256i low = _mm256_or_si256(v, case_bit);
        /* Signed compares are enough: all bytes are below 0x80. */
        __m256i letter = _mm256_and_si256(_mm256_cmpgt_epi8(low, _mm256_set1_epi8('a' - 1)),
                                          _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), low));
        __m256i digit = _mm256_and_si256(_mm256_cmpgt_epi8(v, _mm256_set1_epi8('0' - 1)),
                                         _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), v));
        __m256i line = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('_'));
        __m256i word = _mm256_or_si256(_mm256_or_si256(letter, digit), line);
        _mm256_storeu_si256((__m256i *)(void *)(folded + at),
                            _mm256_or_si256(v, _mm256_and_si256(letter, case_bit)));
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(word);
        uint32_t turns = mask ^ (mask << 1 | carry);
        carry = mask >> 31;
        while (turns) {
            edges[count++] = (uint32_t)at + (uint32_t)__builtin_ctz(turns);
            turns &= turns - 1;
        }
    }
    size_t rest = ascii_edges(text, at, len, carry, folded, edges + count);
    return rest == SIZE_MAX ? SIZE_MAX : count + rest;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}
#endif

/* Fills tokens->edges; SIZE_MAX when the text is not all ASCII. */
static size_t find_edges(TextTokens *tokens, Str text)
{
    const uint8_t *bytes = (const uint8_t *)text.ptr;

    MEM_GROW(tokens->edges, tokens->edges_cap, text.len + 2);
    MEM_GROW(tokens->folded, tokens->folded_cap, text.len + TEXT_TOKENS_PAD);
#if defined(__x86_64__)
    if (has_avx2())
        return ascii_edges_avx2(bytes, text.len, tokens->folded, tokens->edges);
#endif
    return ascii_edges(bytes, 0, text.len, false, tokens->folded, tokens->edges);
}

/* ---------------------------------------------------------------- Unicode */

typedef enum CharClass { CHAR_SEPARATES, CHAR_JOINS, CHAR_ALONE } CharClass;

static bool is_alone(uint32_t cp)
{
    return (cp >= 0x3041 && cp <= 0x30FF) || (cp >= 0x31F0 && cp <= 0x31FF) ||
           (cp >= 0x3400 && cp <= 0x4DBF) || (cp >= 0x4E00 && cp <= 0x9FFF) ||
           (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x1B000 && cp <= 0x1B16F) ||
           (cp >= 0x20000 && cp <= 0x3FFFF);
}

static CharClass classify(uint32_t cp)
{
    if (cp < 0x80)
        return is_ascii_word((uint8_t)cp) ? CHAR_JOINS : CHAR_SEPARATES;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC:
        return is_alone(cp) ? CHAR_ALONE : CHAR_JOINS;
    default:
        return CHAR_SEPARATES;
    }
}

/* Appends the fold of a character; `out` has room. U+0130 becomes a plain i, as lower() makes it,
 * so that what ILIKE takes as equal is equal here. */
static size_t fold(uint32_t cp, char *out)
{
    utf8proc_int32_t points[FOLD_POINTS_MAX];
    int boundary = 0;
    size_t len = 0;

    if (cp < 0x80 || cp == 0x130) {
        *out = (char)(cp == 0x130 ? 'i' : cp >= 'A' && cp <= 'Z' ? cp | 0x20 : cp);
        return 1;
    }
    utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)cp, points, FOLD_POINTS_MAX,
                                UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE, &boundary);
    if (count <= 0 || count > FOLD_POINTS_MAX)
        return str_utf8_encode(cp, out);
    for (utf8proc_ssize_t i = 0; i < count; i++)
        len += str_utf8_encode((uint32_t)points[i], out + len);
    return len;
}

typedef struct Run {
    TextTokens *tokens;
    TextToken token; /* the one being read; len 0 = none */
} Run;

static void end_token(Run *run, bool cut)
{
    TextTokens *tokens = run->tokens;

    if (!run->token.len)
        return;
    run->token.cut |= cut;
    tokens->cut |= run->token.cut;
    push(tokens, run->token);
    run->token = (TextToken){.at = run->token.at + run->token.len, .cut = cut};
}

/* A character's fold goes to the end of the folded text. A fold may be empty. */
static void add_char(Run *run, uint32_t cp, uint32_t from, uint32_t to)
{
    char bytes[FOLD_POINTS_MAX * 4];
    size_t len = fold(cp, bytes);

    if (run->token.len + len > TEXT_TOKEN_BYTES_MAX)
        end_token(run, true);
    len = LUMA_MIN(len, (size_t)TEXT_TOKEN_BYTES_MAX);
    size_t end = run->token.at + run->token.len;
    MEM_GROW(run->tokens->folded, run->tokens->folded_cap, end + len + TEXT_TOKENS_PAD);
    memcpy(run->tokens->folded + end, bytes, len);
    if (!run->token.len)
        run->token.from = from;
    run->token.len = (uint16_t)(run->token.len + len);
    run->token.to = to;
}

static void end_run(Run *run)
{
    end_token(run, false);
    run->token.cut = false;
}

static void split_unicode(TextTokens *tokens, Str text)
{
    Run run = {.tokens = tokens};

    for (size_t at = 0; at < text.len;) {
        uint32_t cp = ' ';
        size_t len = str_utf8_decode((Str){text.ptr + at, text.len - at}, &cp);
        CharClass class = len ? classify(cp) : CHAR_SEPARATES;
        len = LUMA_MAX(len, (size_t)1);
        if (class != CHAR_JOINS)
            end_run(&run);
        if (class != CHAR_SEPARATES)
            add_char(&run, cp, (uint32_t)at, (uint32_t)(at + len));
        if (class == CHAR_ALONE)
            end_run(&run);
        at += len;
    }
    end_run(&run);
}

/* ---------------------------------------------------------------- JSON */

/* The same bytes with every escape blanked: \" \\ \n and the like, and \u with its digits. */
static Str blank_escapes(TextTokens *tokens, Str text)
{
    MEM_GROW(tokens->plain, tokens->plain_cap, text.len);
    memcpy(tokens->plain, text.ptr, text.len);
    for (size_t at = 0; at + 1 < text.len; at++) {
        if (text.ptr[at] != '\\')
            continue;
        size_t len = LUMA_MIN(text.ptr[at + 1] == 'u' ? (size_t)6 : (size_t)2, text.len - at);
        memset(tokens->plain + at, ' ', len);
        at += len - 1;
    }
    return (Str){tokens->plain, text.len};
}

bool text_tokens_runs(TextTokens *tokens, Str text, TextForm form, const uint32_t **ret_edges,
                      uint32_t *ret_count)
{
    tokens->count = 0;
    tokens->cut = false;
    if (form == TEXT_JSON && text.len && memchr(text.ptr, '\\', text.len))
        text = blank_escapes(tokens, text);
    tokens->source = text;
    size_t count = text.len ? find_edges(tokens, text) : 0;
    if (count == SIZE_MAX) {
        split_unicode(tokens, text);
        return false;
    }
    *ret_edges = tokens->edges;
    *ret_count = (uint32_t)(count / 2);
    return true;
}

void text_tokens_split(TextTokens *tokens, Str text, TextForm form)
{
    const uint32_t *edges;
    uint32_t count;

    if (text_tokens_runs(tokens, text, form, &edges, &count))
        push_edges(tokens, edges, (size_t)count * 2);
}

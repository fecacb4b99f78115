extern "C" {
#include "base/regex.h"
}

#include <re2/re2.h>

#include <new>

struct Regex {
    RE2 re;
    bool anchored;

    Regex(re2::StringPiece pattern, const RE2::Options &options, bool whole)
        : re(pattern, options), anchored(whole)
    {
    }
};

extern "C" {

Status regex_compile(Str pattern, int flags, Regex **ret_regex, Error *err)
{
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(8 << 20);
    options.set_dot_nl((flags & REGEX_DOT_NEWLINE) != 0);
    options.set_case_sensitive((flags & REGEX_NOCASE) == 0);
    options.set_longest_match((flags & REGEX_LONGEST) != 0);
    Regex *regex = new (std::nothrow) Regex(re2::StringPiece(pattern.ptr, pattern.len), options,
                                            (flags & REGEX_ANCHORED) != 0);
    if (!regex)
        return error_set(err, STATUS_NOMEM, "no memory for a regular expression");
    if (!regex->re.ok()) {
        Status status = error_set(err, STATUS_INVALID, "invalid regular expression \"%.*s\": %s",
                                  (int)(pattern.len > 200 ? 200 : pattern.len), pattern.ptr,
                                  regex->re.error().c_str());
        delete regex;
        return status;
    }
    *ret_regex = regex;
    return STATUS_OK;
}

Regex *regex_free(Regex *regex)
{
    delete regex;
    return nullptr;
}

bool regex_match(const Regex *regex, Str text)
{
    re2::StringPiece piece(text.ptr, text.len);
    return regex->re.Match(piece, 0, text.len,
                           regex->anchored ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, nullptr, 0);
}

int regex_group_count(const Regex *regex)
{
    return regex->re.NumberOfCapturingGroups();
}

int regex_group_index(const Regex *regex, Str name)
{
    const auto &groups = regex->re.NamedCapturingGroups();
    auto it = groups.find(std::string(name.ptr, name.len));
    return it == groups.end() ? -1 : it->second;
}

bool regex_search(const Regex *regex, Str text, size_t from, Str *groups, int group_count)
{
    enum { GROUPS_MAX = 64 };
    re2::StringPiece found[GROUPS_MAX];
    int n = group_count < GROUPS_MAX ? group_count : GROUPS_MAX;

    if (!regex->re.Match(re2::StringPiece(text.ptr, text.len), from, text.len,
                         regex->anchored ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, found, n))
        return false;
    for (int i = 0; i < group_count; i++) {
        groups[i] = Str{nullptr, 0};
        if (i < n && found[i].data())
            groups[i] = Str{found[i].data(), found[i].size()};
    }
    return true;
}
}

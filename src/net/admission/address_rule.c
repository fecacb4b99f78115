#include "net/admission/address_rule.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

AddressRule address_rule_of(const NetAddress *address)
{
    AddressRule rule = {.bits = 128};

    if (address->any.sa_family == AF_INET6) {
        memcpy(rule.bytes, &address->v6.sin6_addr, 16);
    } else {
        memcpy(rule.bytes, mapped, sizeof mapped);
        memcpy(rule.bytes + 12, &address->v4.sin_addr, 4);
    }
    return rule;
}

static void clear_behind(uint8_t bytes[16], unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > 8 * i ? LUMA_MIN(bits - 8 * i, 8u) : 0;
        bytes[i] &= (uint8_t)(0xFF00 >> keep);
    }
}

static bool parse_host(Str name, NetAddress *ret_address)
{
    char host[INET6_ADDRSTRLEN];

    if (!name.len || name.len >= sizeof host)
        return false;
    memcpy(host, name.ptr, name.len);
    host[name.len] = 0;
    *ret_address = (NetAddress){0};
    if (inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1)
        ret_address->any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) == 1)
        ret_address->any.sa_family = AF_INET6;
    else
        return false;
    return true;
}

Status address_rule_parse(Str text, AddressRule *ret_rule, Error *err)
{
    ptrdiff_t slash = str_find_byte(text, '/');
    NetAddress address;
    bool good = parse_host(slash < 0 ? text : str_sub(text, 0, (size_t)slash), &address);
    bool v4 = good && address.any.sa_family == AF_INET;
    int64_t most = v4 ? 32 : 128;
    int64_t bits = most;

    if (good && slash >= 0)
        good = str_to_i64(str_sub(text, (size_t)slash + 1, text.len), &bits) && bits >= 0 &&
               bits <= most;
    if (!good)
        return error_set(err, STATUS_INVALID,
                         "\"%.*s\" is no address and no range such as 10.0.0.0/8",
                         (int)LUMA_MIN(text.len, (size_t)100), text.ptr);
    AddressRule rule = address_rule_of(&address);
    rule.bits = (uint8_t)(v4 ? bits + 96 : bits);
    clear_behind(rule.bytes, rule.bits);
    *ret_rule = rule;
    return STATUS_OK;
}

bool address_rule_covers(const AddressRule *rule, const NetAddress *address)
{
    AddressRule one = address_rule_of(address);

    clear_behind(one.bytes, rule->bits);
    return memcmp(one.bytes, rule->bytes, sizeof one.bytes) == 0;
}

bool address_rule_eq(const AddressRule *a, const AddressRule *b)
{
    return a->bits == b->bits && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

char *address_rule_format(const AddressRule *rule, char text[ADDRESS_RULE_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool v4 = rule->bits >= 96 && memcmp(rule->bytes, mapped, sizeof mapped) == 0;

    if (v4)
        (void)inet_ntop(AF_INET, rule->bytes + 12, host, sizeof host);
    else
        (void)inet_ntop(AF_INET6, rule->bytes, host, sizeof host);
    if (rule->bits == 128)
        (void)snprintf(text, ADDRESS_RULE_TEXT_MAX, "%s", host);
    else
        (void)snprintf(text, ADDRESS_RULE_TEXT_MAX, "%s/%u", host, rule->bits - (v4 ? 96u : 0u));
    return text;
}

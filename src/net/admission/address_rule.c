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

Status address_rule_parse(Str text, AddressRule *ret_rule, Error *err)
{
    char host[INET6_ADDRSTRLEN];
    ptrdiff_t slash = str_find_byte(text, '/');
    Str name = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
    NetAddress address = {0};
    int64_t bits;

    if (!name.len || name.len >= sizeof host)
        goto bad;
    memcpy(host, name.ptr, name.len);
    host[name.len] = 0;
    bool v4 = inet_pton(AF_INET, host, &address.v4.sin_addr) == 1;
    if (!v4 && inet_pton(AF_INET6, host, &address.v6.sin6_addr) != 1)
        goto bad;
    address.any.sa_family = v4 ? AF_INET : AF_INET6;
    bits = v4 ? 32 : 128;
    if (slash >= 0) {
        int64_t most = bits;
        if (!str_to_i64(str_sub(text, (size_t)slash + 1, text.len), &bits) || bits < 0 ||
            bits > most)
            goto bad;
    }
    AddressRule rule = address_rule_of(&address);
    rule.bits = (uint8_t)(v4 ? bits + 96 : bits);
    clear_behind(rule.bytes, rule.bits);
    *ret_rule = rule;
    return STATUS_OK;
bad:
    return error_set(err, STATUS_INVALID, "\"%.*s\" is no address and no range such as 10.0.0.0/8",
                     (int)LUMA_MIN(text.len, (size_t)100), text.ptr);
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

/* address.c - socket addresses as text and back, and what kind they are. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/loop/access.h"

char *net_address_host(const NetAddress *address, char text[64])
{
    const void *bytes = address->any.sa_family == AF_INET6 ? (const void *)&address->v6.sin6_addr
                                                           : (const void *)&address->v4.sin_addr;
    if (!inet_ntop(address->any.sa_family, bytes, text, 64))
        (void)snprintf(text, 64, "?");
    return text;
}

char *net_address_format(const NetAddress *address, char text[64])
{
    char host[64];

    (void)net_address_host(address, host);
    (void)snprintf(text, 64, address->any.sa_family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", host,
                   net_address_port(address));
    return text;
}

uint16_t net_address_port(const NetAddress *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

/* The IPv4 address in host order, also when mapped into IPv6. */
static bool to_v4(const NetAddress *address, uint32_t *ret_v4)
{
    if (address->any.sa_family == AF_INET) {
        *ret_v4 = ntohl(address->v4.sin_addr.s_addr);
        return true;
    }
    if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        memcpy(ret_v4, &address->v6.sin6_addr.s6_addr[12], 4);
        *ret_v4 = ntohl(*ret_v4);
        return true;
    }
    return false;
}

bool net_address_is_loopback(const NetAddress *address)
{
    uint32_t v4;

    if (to_v4(address, &v4))
        return v4 >> 24 == 127;
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

bool net_address_is_any(const NetAddress *address)
{
    uint32_t v4;

    if (to_v4(address, &v4))
        return v4 == 0;
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

/* Splits "[::1]:80" or "host:80"; the port is required. */
static bool split_host_port(Str text, Str *ret_host, Str *ret_port)
{
    if (text.len && text.ptr[0] == '[') {
        ptrdiff_t end = str_find(text, STR("]:"));
        if (end < 0)
            return false;
        *ret_host = str_sub(text, 1, (size_t)end - 1);
        *ret_port = str_sub(text, (size_t)end + 2, text.len);
        return true;
    }
    ptrdiff_t colon = str_find_byte(text, ':');
    if (colon < 0)
        return false;
    *ret_host = str_sub(text, 0, (size_t)colon);
    *ret_port = str_sub(text, (size_t)colon + 1, text.len);
    return str_find_byte(*ret_port, ':') < 0;
}

Status net_address_parse(const char *text, NetAddress *ret_address, Error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host_text[256];
    char port_text[16];
    uint64_t port;
    Str host;
    Str port_part;

    if (!split_host_port(str_from(text), &host, &port_part) || !str_to_u64(port_part, &port) ||
        port > 65535 || host.len >= sizeof host_text)
        return error_set(err, STATUS_INVALID,
                         "\"%s\" is not an address: host:port, [ipv6]:port or :port", text);
    if (host.len == 0) {
        /* All addresses of both families. */
        NetAddress any = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}};
        *ret_address = any;
        return STATUS_OK;
    }
    (void)snprintf(host_text, sizeof host_text, "%.*s", STR_FMT(host));
    (void)snprintf(port_text, sizeof port_text, "%u", (unsigned)port);
    int rc = getaddrinfo(host_text, port_text, &hints, &found);
    if (rc != 0 || !found)
        return error_set(err, STATUS_INVALID, "cannot resolve \"%s\": %s", host_text,
                         gai_strerror(rc));
    /* Of a name with both, such as localhost, the IPv4 address is what people mean. */
    const struct addrinfo *best = found;
    while (best && best->ai_family != AF_INET)
        best = best->ai_next;
    if (!best)
        best = found;
    NetAddress address = {0};
    memcpy(&address, best->ai_addr, LUMA_MIN((size_t)best->ai_addrlen, sizeof address));
    freeaddrinfo(found);
    *ret_address = address;
    return STATUS_OK;
}

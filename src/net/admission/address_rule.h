/* address_rule.h - addresses and ranges of them: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".
 *
 * IPv4 is kept as it stands mapped into IPv6, so one compare serves both. Pure; any thread.
 */
#ifndef LUMA_NET_ADMISSION_ADDRESS_RULE_H
#define LUMA_NET_ADMISSION_ADDRESS_RULE_H

#include "net/loop/access.h"

typedef struct AddressRule {
    uint8_t bytes[16];
    uint8_t bits; /* of `bytes` that count: 0 to 128; the others are zero */
} AddressRule;

enum { ADDRESS_RULE_TEXT_MAX = 64 };

/* INVALID when it is neither an address nor a range. Bits behind the prefix are cleared. */
Status address_rule_parse(Str text, AddressRule *ret_rule, Error *err);
/* Exactly this address. */
AddressRule address_rule_of(const NetAddress *address);
bool address_rule_covers(const AddressRule *rule, const NetAddress *address);
bool address_rule_eq(const AddressRule *a, const AddressRule *b);
/* As address_rule_parse reads it, without the range of a single address. Returns `text`. */
char *address_rule_format(const AddressRule *rule, char text[ADDRESS_RULE_TEXT_MAX]);

#endif

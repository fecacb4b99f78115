/* checksum.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4). */
#ifndef LUMA_BASE_CHECKSUM_H
#define LUMA_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin). crc32c(0, "123456789", 9) == 0xe3069283. SSE4.2 where present. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

#endif

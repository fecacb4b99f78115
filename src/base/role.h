/* role.h - what a user may do. */
#ifndef LUMA_BASE_ROLE_H
#define LUMA_BASE_ROLE_H

/* Each role includes the ones before it. */
typedef enum Role { ROLE_NONE, ROLE_READ, ROLE_WRITE, ROLE_ADMIN } Role;

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of ownership_routes.c for ownership_routes_rust.rs. */
#ifndef OWNERSHIP_ROUTES_H
#define OWNERSHIP_ROUTES_H

#include <linux/auxiliary_bus.h>

/* ownership_routes_rust.rs counts with the same numbers. */
enum route {
	C_EXPLICIT,
	C_MANAGED,
	C_ADD,
	C_STEAL,	/* frees what somebody else has allocated */
	C_ROUTES,
	TYPED_EXPLICIT = C_ROUTES,
	TYPED_MANAGED,
	TYPED_ADD,
	TYPED_ROBBED,	/* finds that its vectors were stolen */
	ROUTES,
};

struct traffic;
struct traffic *ownership_routes_begin(struct auxiliary_device *child);
void ownership_routes_end(struct traffic *traffic);
bool ownership_routes_won(unsigned int route);
void ownership_routes_lock(void);
void ownership_routes_unlock(void);

#endif

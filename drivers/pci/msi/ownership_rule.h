/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rule of interrupt-vector ownership as a table: what a call decides.
 *
 * The KUnit suite pci_irq_vector_ownership makes the calls and compares. The
 * model in tools/testing/model of the overlay reads this file, and decides by
 * it. Rows with a Rust guard, and those at detach, are the model's alone; other
 * suites make those calls.
 *
 * RULE(owner, guard, handler, call, decision, owner afterwards, silences)
 *
 * owner:    of the vectors that are live, or NONE
 * guard:    whether a Rust guard holds the vectors
 * handler:  whether a handler is registered on one; for FREE_ONE, on that one
 * silences: whether the call keeps the device from using its vectors
 *
 * ANY stands for both YES and NO.
 */

RULE(NONE,   ANY, ANY, ALLOC_EXPLICIT,  ALLOCATED,           DRIVER, NO)
RULE(NONE,   ANY, ANY, ALLOC_MANAGED,   ALLOCATED,           DEVICE, NO)
RULE(NONE,   ANY, ANY, FREE_EXPLICIT,   NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, FREE_MANAGED,    NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, FREE_OTHER_TYPE, NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, FREE_GUARD,      NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, CLAIM,           NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, RELEASE_GROUP,   NOTHING,             NONE,   NO)
RULE(NONE,   ANY, ANY, ALLOC_DETACHING, REFUSED_DETACHING,   NONE,   NO)
RULE(NONE,   ANY, ANY, DETACH,          NOTHING,             NONE,   NO)

RULE(DRIVER, ANY, ANY, ALLOC_EXPLICIT,  REFUSED_BUSY,        DRIVER, NO)
RULE(DRIVER, ANY, ANY, ALLOC_MANAGED,   REFUSED_BUSY,        DRIVER, NO)
RULE(DRIVER, ANY, NO,  FREE_EXPLICIT,   FREED,               NONE,   NO)
RULE(DRIVER, ANY, YES, FREE_EXPLICIT,   REFUSED_HANDLER,     DRIVER, YES)
RULE(DRIVER, ANY, ANY, FREE_MANAGED,    REFUSED_DRIVER_OWNS, DRIVER, YES)
RULE(DRIVER, ANY, ANY, FREE_OTHER_TYPE, NOTHING,             DRIVER, NO)
RULE(DRIVER, YES, NO,  FREE_GUARD,      FREED,               NONE,   NO)
RULE(DRIVER, YES, YES, FREE_GUARD,      REFUSED_HANDLER,     DRIVER, YES)
RULE(DRIVER, YES, ANY, CLAIM,           CLAIMED,             DEVICE, NO)
RULE(DRIVER, ANY, ANY, ADD_ONE,         ADDED,               DRIVER, NO)
RULE(DRIVER, ANY, NO,  FREE_ONE,        FREED_ONE,           DRIVER, NO)
RULE(DRIVER, ANY, YES, FREE_ONE,        REFUSED_HANDLER,     DRIVER, NO)
RULE(DRIVER, ANY, ANY, RELEASE_GROUP,   NOTHING,             DRIVER, NO)
RULE(DRIVER, ANY, ANY, ALLOC_DETACHING, REFUSED_BUSY,        DRIVER, NO)
RULE(DRIVER, ANY, ANY, ADD_DETACHING,   REFUSED_DETACHING,   DRIVER, NO)
RULE(DRIVER, ANY, ANY, DETACH,          CONTAINED,           NONE,   YES)

RULE(DEVICE, ANY, ANY, ALLOC_EXPLICIT,  REFUSED_BUSY,        DEVICE, NO)
RULE(DEVICE, ANY, ANY, ALLOC_MANAGED,   REFUSED_BUSY,        DEVICE, NO)
RULE(DEVICE, ANY, ANY, FREE_EXPLICIT,   REFUSED_DEVICE_OWNS, DEVICE, YES)
RULE(DEVICE, NO,  NO,  FREE_MANAGED,    FREED,               NONE,   NO)
RULE(DEVICE, NO,  YES, FREE_MANAGED,    REFUSED_HANDLER,     DEVICE, YES)
RULE(DEVICE, YES, ANY, FREE_MANAGED,    REFUSED_GUARD,       DEVICE, YES)
RULE(DEVICE, ANY, ANY, FREE_OTHER_TYPE, NOTHING,             DEVICE, NO)
RULE(DEVICE, YES, NO,  FREE_GUARD,      FREED,               NONE,   NO)
RULE(DEVICE, YES, YES, FREE_GUARD,      REFUSED_HANDLER,     DEVICE, YES)
RULE(DEVICE, ANY, ANY, ADD_ONE,         ADDED,               DEVICE, NO)
RULE(DEVICE, ANY, NO,  FREE_ONE,        FREED_ONE,           DEVICE, NO)
RULE(DEVICE, ANY, YES, FREE_ONE,        REFUSED_HANDLER,     DEVICE, NO)
RULE(DEVICE, ANY, NO,  RELEASE_GROUP,   FREED,               NONE,   NO)
RULE(DEVICE, ANY, YES, RELEASE_GROUP,   CONTAINED,           NONE,   YES)
RULE(DEVICE, ANY, ANY, ALLOC_DETACHING, REFUSED_BUSY,        DEVICE, NO)
RULE(DEVICE, ANY, ANY, ADD_DETACHING,   REFUSED_DETACHING,   DEVICE, NO)
RULE(DEVICE, ANY, NO,  DETACH,          FREED,               NONE,   NO)
RULE(DEVICE, ANY, YES, DETACH,          CONTAINED,           NONE,   YES)

#undef RULE

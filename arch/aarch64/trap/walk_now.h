// SPDX-License-Identifier: MIT
/// What the tables that TTBR0 and TTBR1 point to now say of an address, read with care: the tables
/// may be what is broken, so each is probed before it is read, and one that cannot be read ends the
/// walk.
#pragma once

#include <arch/paging.h>

#include "mm/paging/walk.h"

namespace meridian::arch {

struct WalkNow {
  Half half;
  Frame root;
  Walk<Format> walk;
  bool unreadable = false;  // the walk ends at a link to a table that cannot be read
};

WalkNow walk_now(VirtAddr va);

/// What each level may do at `va` by the tables alone: limits in table descriptors count, WXN is
/// off. Nothing if no leaf is there.
Rights el1_rights_now(VirtAddr va);
Rights el0_rights_now(VirtAddr va);

}  // namespace meridian::arch

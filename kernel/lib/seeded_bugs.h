// SPDX-License-Identifier: MIT
/// Bugs that the test image can be told to have, one at a time (`seed NAME`), so that the tools
/// that must find them can be tested themselves (tests/tlbsan). Each is asked about where a
/// developer would make it. In the production image none exists: seeded() is false when it is
/// compiled.
#pragma once

#include <string_view>

#include "kernel/lib/types.h"

namespace meridian {

enum class Bug : u8 {
  none,
  unmap_without_tlbi,
  unmap_without_dsb,
  unmap_without_completion,
  unmap_of_first_page_only,
  unmap_of_many_pages_without_tlbi,
  unlinked_table_kept_in_walks,
  free_before_tlbi,
  no_break,
  break_without_tlbi,
  break_without_dsb,
  output_changed_in_place,
  type_changed_in_place,
  contiguous_dropped_in_place,
  protect_without_tlbi,
  map_without_publishing,
  publish_without_isb,
  tlbi_address_unshifted,
  tlbi_of_wrong_asid,
  tlbi_with_wrong_level,
  tlbi_completed_here_only,
  user_page_global,
  asid_reused_without_tlbi,
  fork_without_tlbi,
  vmalloc_reused_without_tlbi,
  // What follows shows only where there is another CPU.
  user_tlbi_on_this_cpu_only,
  kernel_tlbi_on_this_cpu_only,
  asid_flushed_on_this_cpu_only,
  rollover_flushes_one_cpu,
  running_asid_given_away,
  last = running_asid_given_away
};

/// By the value of Bug.
inline constexpr std::string_view kBugNames[] = {
    "none",
    "unmap-without-tlbi",
    "unmap-without-dsb",
    "unmap-without-completion",
    "unmap-of-first-page-only",
    "unmap-of-many-pages-without-tlbi",
    "unlinked-table-kept-in-walks",
    "free-before-tlbi",
    "no-break",
    "break-without-tlbi",
    "break-without-dsb",
    "output-changed-in-place",
    "type-changed-in-place",
    "contiguous-dropped-in-place",
    "protect-without-tlbi",
    "map-without-publishing",
    "publish-without-isb",
    "tlbi-address-unshifted",
    "tlbi-of-wrong-asid",
    "tlbi-with-wrong-level",
    "tlbi-completed-here-only",
    "user-page-global",
    "asid-reused-without-tlbi",
    "fork-without-tlbi",
    "vmalloc-reused-without-tlbi",
    "user-tlbi-on-this-cpu-only",
    "kernel-tlbi-on-this-cpu-only",
    "asid-flushed-on-this-cpu-only",
    "rollover-flushes-one-cpu",
    "running-asid-given-away",
};

#ifdef MERIDIAN_TESTS
inline constinit Bug seeded_bug = Bug::none;
/// Does this kernel have the bug?
constexpr bool seeded(Bug bug) { return !__builtin_is_constant_evaluated() && seeded_bug == bug; }
#else
constexpr bool seeded(Bug) { return false; }
#endif

}  // namespace meridian

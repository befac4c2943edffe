// SPDX-License-Identifier: MIT
/// EXPECT_FAULT: a probe met exactly this fault.
#pragma once

#include <arch/probe.h>

#include "tests/kernel/ktest.h"

namespace meridian::ktest {

/// Expects that `result` is a fault of the kernel's own, of this kind, at this address.
inline void expect_fault(Place place, const char* text, const arch::ProbeResult& result,
                         arch::FaultKind kind, arch::FaultAccess access, VirtAddr va) {
  const arch::Fault& fault = result.fault;
  const bool right = !result.ok && !result.refused && fault.kind() == kind &&
                     fault.access() == access && fault.has_address() && fault.address() == va &&
                     !fault.from_user();
  if (right) return;
  Writer& out = begin_failure(place);
  print(out, "expected of {}: {} at {}: {}; but it ", text, name_of(access), va, name_of(kind));
  if (result.ok)
    print(out, "went through, value {:X}\n", result.value);
  else if (result.refused)
    out.write("was refused\n");
  else
    print(out, "met {}\n", fault);
}

}  // namespace meridian::ktest

/// EXPECT_FAULT(probe(va, kind), translation, read, va)
#define EXPECT_FAULT(result, kind, access, va)                       \
  ::meridian::ktest::expect_fault(KTEST_PLACE_, #result, (result),   \
                                  ::meridian::arch::FaultKind::kind, \
                                  ::meridian::arch::FaultAccess::access, (va))

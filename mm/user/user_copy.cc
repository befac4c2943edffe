// SPDX-License-Identifier: MIT
#include "mm/user/user_copy.h"

#include <arch/user_access.h>

#include "mm/layout/layout.h"

namespace meridian {
namespace {

/// The error for a copy of which the last `missing` of `size` bytes were not made.
Result<void> copied(UserAddr start, u64 size, u64 missing) {
  if (missing == 0) return {};
  return Error{Errc::fault, (start + (size - missing)).value()};
}

}  // namespace

Result<void> check_user_range(UserRange range) {
  const u64 end = current_layout().user_end();
  const u64 start = range.start().value();
  if (start > end || range.size() > end - start) return Error{Errc::fault, start};
  return {};
}

Result<void> copy_from_user(std::span<std::byte> to, UserAddr from) {
  TRY(check_user_range({from, to.size()}));
  return copied(from, to.size(), arch::copy_in(to.data(), from, to.size()));
}

Result<void> copy_to_user(UserAddr to, std::span<const std::byte> from) {
  TRY(check_user_range({to, from.size()}));
  return copied(to, from.size(), arch::copy_out(to, from.data(), from.size()));
}

}  // namespace meridian

// SPDX-License-Identifier: MIT
#include "mm/user/user_copy.h"

#include <arch/user_access.h>

#include <algorithm>
#include <cstring>

#include "mm/layout/layout.h"
#include "mm/page_size.h"

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

/// Page by page, since the NUL may be the last byte before one that is not there; and not much more
/// at once than texts are long.
Result<usize> copy_string_from_user(std::span<char> to, UserAddr from) {
  constexpr u64 kAtOnce = 64;
  for (usize done = 0; done < to.size();) {
    const UserAddr at = from + done;
    const u64 to_page_end = kPageSize - (at.value() & (kPageSize - 1));
    const u64 size = std::min({kAtOnce, to_page_end, u64{to.size() - done}});
    const std::span<char> part = to.subspan(done, size);
    TRY(copy_from_user(std::as_writable_bytes(part), at));
    const void* const nul = std::memchr(part.data(), '\0', part.size());
    if (nul != nullptr) return static_cast<usize>(static_cast<const char*>(nul) - to.data());
    done += size;
  }
  return Error{Errc::name_too_long, to.size()};
}

Result<void> copy_to_user(UserAddr to, std::span<const std::byte> from) {
  TRY(check_user_range({to, from.size()}));
  return copied(to, from.size(), arch::copy_out(to, from.data(), from.size()));
}

}  // namespace meridian

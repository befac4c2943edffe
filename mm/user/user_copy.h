// SPDX-License-Identifier: MIT
/// The only way from the kernel to an address that a program gave: a copy that first checks the
/// range, and then survives a fault. The range must lie in the user half, whole and without
/// wrapping; a tag in the top byte, the hole and the kernel half are refused before anything is
/// touched. The copy itself has EL0's rights (LDTR, STTR), so it cannot do for a program what the
/// program could not do itself.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "kernel/lib/result.h"
#include "mm/range.h"

namespace meridian {

/// Errc::fault with the first byte's address unless every byte of `range` lies in the user half (an
/// empty one anywhere in it, or at its end). Says nothing of what is mapped there.
Result<void> check_user_range(UserRange range);

/// Fills `to` from `from` on, in the address space that is active on this CPU. Errc::fault with the
/// address of the first byte that could not be read; what comes before it may have been copied.
Result<void> copy_from_user(std::span<std::byte> to, UserAddr from);
/// Writes `from` to `to` on. Errc::fault as above.
Result<void> copy_to_user(UserAddr to, std::span<const std::byte> from);

/// Copies a text with its NUL, and nothing behind that; returns its length without it. Errc::fault;
/// name_too_long if the first to.size() bytes hold no NUL.
Result<usize> copy_string_from_user(std::span<char> to, UserAddr from);

/// One object that is nothing but its bytes.
template <typename T>
requires std::is_trivially_copyable_v<T> Result<T> read_user(UserAddr from) {
  T value;
  TRY(copy_from_user(std::as_writable_bytes(std::span(&value, 1)), from));
  return value;
}
template <typename T>
requires std::is_trivially_copyable_v<T> Result<void> write_user(UserAddr to, const T& value) {
  return copy_to_user(to, std::as_bytes(std::span(&value, 1)));
}

}  // namespace meridian

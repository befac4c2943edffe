// SPDX-License-Identifier: MIT
/// Result<T>: a value or the Error that explains why there is none. Errors are values that travel
/// unchanged from where they happen to where they are reported (TRY), carrying the address or number
/// they are about. The vocabulary is std::expected's.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

/// What went wrong. Each has one line of text in name_of(); the words after the dash say what
/// Error::about holds.
enum class Errc : u8 {
  // Memory.
  out_of_frames,         // no free frame block of the wanted order - the order
  out_of_address_space,  // no gap of the wanted size in the region - the size
  out_of_slots,          // every slot of a window (kmap, fixmap, ASID) is taken - how many there are
  already_mapped,        // the range meets an existing mapping - its address
  not_mapped,            // no translation - the address
  not_aligned,           // not a multiple of what is needed - the number
  not_linear,            // outside the linear map and image: __pa/__va do not apply - the address
  not_canonical,         // in the hole between the halves - the address
  not_allocated,         // freeing what is not allocated - the address
  too_large,             // above a documented limit - the number
  bad_range,             // wraps, is empty, or leaves the region it must stay in - the start
  write_and_execute,     // a mapping may not be both - the address or 0
  // Input.
  bad_number,            // not a number, or does not fit - position or 0
  missing_argument,      // - the argument's index
  unexpected_argument,   // - the argument's index
  bad_format,            // malformed structure (device tree, cpio, ELF, word) - the offset
  truncated,             // a structure ends before its end - the offset
  unsupported,           // well formed, but not something this kernel or CPU does - a number or 0
  not_found,             // no such node, property, file, command - 0
  // Machine.
  fault,                 // the access faulted - the address
  timed_out,             // a device did not answer - 0
  failed,                // a command or test ended with a failure of its own - its status
};

/// One lower-case phrase without a full stop, for "error: <phrase> (0x...)".
const char* name_of(Errc code);

/// An error code and the address or number it is about.
struct Error {
  Errc code;
  u64 about = 0;

  friend constexpr bool operator==(const Error&, const Error&) = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  constexpr Result(T value) : value_(std::move(value)), ok_(true) {}      // NOLINT: implicit by design
  constexpr Result(Error error) : error_(error), ok_(false) {}            // NOLINT: implicit by design

  constexpr Result(Result&& other) noexcept : ok_(other.ok_) { adopt(std::move(other)); }
  constexpr Result(const Result&) requires std::is_trivially_copyable_v<T> = default;
  constexpr Result& operator=(const Result&) requires std::is_trivially_copyable_v<T> = default;
  constexpr Result& operator=(Result&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  constexpr ~Result() requires std::is_trivially_destructible_v<T> = default;
  constexpr ~Result() {
    if (ok_) std::destroy_at(&value_);
  }

  constexpr bool has_value() const { return ok_; }
  constexpr explicit operator bool() const { return ok_; }

  /// The value; CHECKs that there is one.
  constexpr T& value() {
    CHECK(ok_);
    return value_;
  }
  constexpr const T& value() const {
    CHECK(ok_);
    return value_;
  }
  /// Moves the value out; CHECKs that there is one.
  constexpr T take() {
    CHECK(ok_);
    return std::move(value_);
  }
  constexpr T value_or(T other) const { return ok_ ? value_ : std::move(other); }

  /// The error; CHECKs that there is one.
  constexpr Error error() const {
    CHECK(!ok_);
    return error_;
  }

 private:
  constexpr void adopt(Result&& other) {
    if (ok_)
      std::construct_at(&value_, std::move(other.value_));
    else
      std::construct_at(&error_, other.error_);
  }

  union {
    T value_;
    Error error_;
  };
  bool ok_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  constexpr Result() : error_{}, ok_(true) {}
  constexpr Result(Error error) : error_(error), ok_(false) {}  // NOLINT: implicit by design

  constexpr bool has_value() const { return ok_; }
  constexpr explicit operator bool() const { return ok_; }
  constexpr void value() const { CHECK(ok_); }
  constexpr void take() const { CHECK(ok_); }
  constexpr Error error() const {
    CHECK(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_;
};

}  // namespace meridian

#define MERIDIAN_JOIN_(a, b) a##b
#define MERIDIAN_JOIN(a, b) MERIDIAN_JOIN_(a, b)

/// The value of `expression` (a Result), or leaves the enclosing function with its error, unchanged.
#define TRY(expression) MERIDIAN_TRY_(expression, MERIDIAN_JOIN(try_result_, __COUNTER__))
#define MERIDIAN_TRY_(expression, name)                 \
  ({                                                    \
    auto&& name = (expression);                         \
    if (!name.has_value()) [[unlikely]]                 \
      return name.error();                              \
    std::move(name).take();                             \
  })

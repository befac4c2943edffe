// SPDX-License-Identifier: MIT
/// Result<T>: a value or the Error that explains why there is none. Errors are values that travel
/// unchanged from where they happen to where they are reported (TRY), carrying the address or
/// number they are about. The vocabulary is std::expected's.
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
  out_of_slots,       // every slot of a window (kmap, fixmap, ASID) is taken - how many there are
  already_mapped,     // the range meets an existing mapping - its address
  not_mapped,         // no translation - the address
  not_aligned,        // not a multiple of what is needed - the number
  not_linear,         // outside the linear map and image: __pa/__va do not apply - the address
  not_canonical,      // in the hole between the halves - the address
  not_allocated,      // freeing what is not allocated - the address
  too_large,          // above a documented limit - the number
  bad_range,          // wraps, is empty, or leaves the region it must stay in - the start
  write_and_execute,  // a mapping may not be both - the address or 0
  // Input.
  bad_number,           // not a number, or does not fit - position or 0
  missing_argument,     // - the argument's index
  unexpected_argument,  // - the argument's index
  bad_format,           // malformed structure (device tree, cpio, ELF, word) - the offset
  truncated,            // a structure ends before its end - the offset
  unsupported,          // well formed, but not something this kernel or CPU does - a number or 0
  not_found,            // no such node, property, file, command - 0
  // Rights and limits of programs.
  not_permitted,  // only somebody more privileged may (EPERM) - a number or 0
  no_access,      // the rights of what is asked for do not allow it (EACCES) - a number or 0
  over_limit,     // beyond a resource limit - the number
  try_again,      // beyond what may be had now (EAGAIN) - a number or 0
  // Files; Linux's name in brackets.
  invalid_argument,     // not something that can be asked for (EINVAL) - a number or 0
  exists,               // the name is taken (EEXIST) - 0
  not_a_directory,      // (ENOTDIR) - 0
  is_a_directory,       // (EISDIR) - 0
  not_empty,            // a directory with names in it (ENOTEMPTY) - 0
  too_many_links,       // symbolic links, one leading to the next (ELOOP) - how many were followed
  name_too_long,        // (ENAMETOOLONG) - its length
  other_file_system,    // two names that should be in one (EXDEV) - 0
  busy,                 // in use as a mount point, or the like (EBUSY) - 0
  bad_descriptor,       // not open, or not for this (EBADF) - its number or 0
  too_many_files,       // no descriptor below the limit is free (EMFILE) - the limit
  file_too_large,       // (EFBIG) - the size
  no_space,             // the device is full (ENOSPC) - 0
  not_seekable,         // (ESPIPE) - 0
  broken_pipe,          // nobody will ever read it (EPIPE) - 0
  no_device,            // nothing behind a device's number or a fifo (ENXIO) - the number or 0
  not_a_terminal,       // or no such request for this device (ENOTTY) - the request
  io_error,             // a terminal that the job in the background may not read (EIO) - 0
  no_process,           // nor a group of this number (ESRCH) - the number
  // Machine.
  fault,        // the access faulted - the address
  timed_out,    // a device did not answer, or a deadline passed - 0
  interrupted,  // a signal came while waiting - 0
  failed,       // a command or test ended with a failure of its own - its status
};

/// One lower-case phrase without a full stop, for "error: <phrase> (0x...)".
const char* name_of(Errc code);

/// An error code and the address or number it is about.
struct Error {
  Errc code;
  u64 about = 0;

  friend constexpr bool operator==(const Error&, const Error&) = default;
};

/// What a Result keeps: the value, or what the error is about; and 0, or 1 + the error's code.
/// These are two words, as trivial as T, so that a Result of a number, a pointer or a Frame travels
/// in registers.
template <typename T, bool kTrivial = std::is_trivially_copyable_v<T>>
struct ResultStorage {
  constexpr explicit ResultStorage(T from) : value(from) {}
  constexpr explicit ResultStorage(Error error)
      : about(error.about), failure(static_cast<u64>(error.code) + 1) {}

  union {
    T value;
    u64 about;
  };
  u64 failure = 0;
};

template <typename T>
struct ResultStorage<T, false> {
  constexpr explicit ResultStorage(T&& from) : value(std::move(from)) {}
  constexpr explicit ResultStorage(Error error)
      : about(error.about), failure(static_cast<u64>(error.code) + 1) {}
  constexpr ResultStorage(ResultStorage&& other) noexcept : failure(other.failure) {
    if (failure != 0)
      std::construct_at(&about, other.about);
    else
      std::construct_at(&value, std::move(other.value));
  }
  constexpr ResultStorage& operator=(ResultStorage&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  constexpr ~ResultStorage() {
    if (failure == 0) std::destroy_at(&value);
  }

  union {
    T value;
    u64 about;
  };
  u64 failure = 0;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  constexpr Result(T value) : storage_(std::move(value)) {}  // NOLINT: implicit by design
  constexpr Result(Error error) : storage_(error) {}         // NOLINT: implicit by design

  constexpr bool has_value() const { return storage_.failure == 0; }
  constexpr explicit operator bool() const { return has_value(); }

  /// The value; CHECKs that there is one.
  constexpr T& value() {
    CHECK(has_value());
    return storage_.value;
  }
  constexpr const T& value() const {
    CHECK(has_value());
    return storage_.value;
  }
  /// Moves the value out; CHECKs that there is one.
  constexpr T take() {
    CHECK(has_value());
    return std::move(storage_.value);
  }
  constexpr T value_or(T other) const { return has_value() ? storage_.value : std::move(other); }

  /// The error; CHECKs that there is one.
  constexpr Error error() const {
    CHECK(!has_value());
    return {static_cast<Errc>(storage_.failure - 1), storage_.about};
  }

 private:
  ResultStorage<T> storage_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  constexpr Result() = default;
  constexpr Result(Error error)  // NOLINT: implicit by design
      : about_(error.about), failure_(static_cast<u64>(error.code) + 1) {}

  constexpr bool has_value() const { return failure_ == 0; }
  constexpr explicit operator bool() const { return failure_ == 0; }
  constexpr void value() const { CHECK(failure_ == 0); }
  constexpr void take() const { CHECK(failure_ == 0); }
  constexpr Error error() const {
    CHECK(failure_ != 0);
    return {static_cast<Errc>(failure_ - 1), about_};
  }

 private:
  u64 about_ = 0;
  u64 failure_ = 0;
};

}  // namespace meridian

#define MERIDIAN_JOIN_(a, b) a##b
#define MERIDIAN_JOIN(a, b) MERIDIAN_JOIN_(a, b)

/// The value of `expression` (a Result), or leaves the enclosing function with its error,
/// unchanged.
#define TRY(expression) MERIDIAN_TRY_(expression, MERIDIAN_JOIN(try_result_, __COUNTER__))
#define MERIDIAN_TRY_(expression, name) \
  ({                                    \
    auto&& name = (expression);         \
    if (!name.has_value()) [[unlikely]] \
      return name.error();              \
    std::move(name).take();             \
  })

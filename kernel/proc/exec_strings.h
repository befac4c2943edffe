// SPDX-License-Identifier: MIT
/// The arguments and the environment of a program that is about to start: texts, one behind the
/// other, each with its NUL, as they will lie on its stack.
#pragma once

#include <span>
#include <string_view>

#include "kernel/lib/result.h"
#include "mm/address.h"

namespace meridian {

class ExecStrings {
 public:
  /// All of them together, NULs included; Linux's limit with a stack of 8 MiB.
  static constexpr usize kMost = 2 << 20;
  /// And one by itself.
  static constexpr usize kLongest = 32 * 4096;

  ExecStrings() = default;
  ExecStrings(ExecStrings&& other) noexcept { swap(other); }
  ExecStrings& operator=(ExecStrings&& other) noexcept {
    swap(other);
    return *this;
  }
  ~ExecStrings();

  /// One more argument, or a variable once all arguments are there. Errc::too_large (E2BIG),
  /// out_of_frames; then nothing was added.
  Result<void> add_argument(std::string_view text);
  Result<void> add_variable(std::string_view text);
  /// What a program passes to execve(): two null-terminated arrays of pointers; a null array is
  /// empty. Errc::fault, and as above.
  Result<void> add_from_user(UserAddr arguments, UserAddr environment);
  /// Without its first argument, which there is.
  void drop_first();
  /// All of `more` behind it: arguments and environment.
  Result<void> append(const ExecStrings& more);

  /// The first argument, which there is.
  std::string_view first() const { return text_ + begin_; }
  u32 arguments() const { return arguments_; }
  u32 variables() const { return variables_; }
  /// The arguments' texts, then the environment's.
  std::span<const char> text() const { return {text_ + begin_, end_ - begin_}; }
  usize argument_bytes() const { return arguments_end_ - begin_; }

 private:
  void swap(ExecStrings& other) noexcept;
  void free();
  Result<void> make_room(usize more);
  Result<void> add(std::string_view text);
  Result<void> add_user_text(UserAddr from);
  template <typename Done>
  Result<void> add_user_array(UserAddr array, Done&& done);

  char* text_ = nullptr;
  usize room_ = 0, begin_ = 0, end_ = 0;
  usize arguments_end_ = 0;
  u32 arguments_ = 0, variables_ = 0;
};

}  // namespace meridian

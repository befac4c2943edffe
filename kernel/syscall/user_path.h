// SPDX-License-Identifier: MIT
/// A path that a program names: copied once, so that what is checked is what is used.
#pragma once

#include "kernel/fs/path.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/user_copy.h"

namespace meridian {

class UserPath {
 public:
  /// Errc::fault, name_too_long, out_of_frames.
  static Result<UserPath> copy(UserAddr from) {
    UserPath path;
    path.text_ = static_cast<char*>(TRY(kmalloc(kPathMax)));
    path.size_ = TRY(copy_string_from_user({path.text_, kPathMax}, from));
    return path;
  }
  UserPath(UserPath&& other) noexcept
      : text_(std::exchange(other.text_, nullptr)), size_(other.size_) {}
  UserPath& operator=(UserPath&&) = delete;
  ~UserPath() { kfree(text_); }

  std::string_view text() const { return {text_, size_}; }

 private:
  UserPath() = default;
  char* text_ = nullptr;
  usize size_ = 0;
};

}  // namespace meridian

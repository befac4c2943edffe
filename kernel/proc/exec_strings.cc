// SPDX-License-Identifier: MIT
#include "kernel/proc/exec_strings.h"

#include <cstring>
#include <utility>

#include "mm/kernel/vmalloc.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/user_copy.h"

namespace meridian {

ExecStrings::~ExecStrings() { free(); }

/// Few programs have more than kmalloc() gives.
void ExecStrings::free() {
  if (room_ <= kMaxKmalloc)
    kfree(text_);
  else
    vfree(text_);
}

void ExecStrings::swap(ExecStrings& other) noexcept {
  std::swap(text_, other.text_);
  std::swap(room_, other.room_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
  std::swap(arguments_end_, other.arguments_end_);
  std::swap(arguments_, other.arguments_);
  std::swap(variables_, other.variables_);
}

/// Twice as much each time, so that no text is moved often.
Result<void> ExecStrings::make_room(usize more) {
  if (more <= room_ - end_) return {};
  if (more > kMost - end_) return Error{Errc::too_large, end_ + more};
  usize room = room_ == 0 ? kPageSize : room_;
  while (room - end_ < more) room *= 2;
  char* const fresh = static_cast<char*>(TRY(room <= kMaxKmalloc ? kmalloc(room) : vmalloc(room)));
  if (end_ != 0) std::memcpy(fresh, text_, end_);
  free();
  text_ = fresh, room_ = room;
  return {};
}

Result<void> ExecStrings::add(std::string_view text) {
  if (text.size() >= kLongest) return Error{Errc::too_large, text.size()};
  TRY(make_room(text.size() + 1));
  std::memcpy(text_ + end_, text.data(), text.size());
  text_[end_ + text.size()] = '\0';
  end_ += text.size() + 1;
  return {};
}

Result<void> ExecStrings::add_argument(std::string_view text) {
  CHECK(variables_ == 0);
  TRY(add(text));
  arguments_end_ = end_;
  ++arguments_;
  return {};
}

Result<void> ExecStrings::add_variable(std::string_view text) {
  TRY(add(text));
  ++variables_;
  return {};
}

/// The text goes where it will stay; how long it is shows on the way.
Result<void> ExecStrings::add_user_text(UserAddr from) {
  constexpr usize kFirst = 256;
  for (usize room = kFirst;; room *= 4) {
    TRY(make_room(room));
    const Result<usize> size = copy_string_from_user({text_ + end_, room}, from);
    if (size.has_value()) {
      end_ += size.value() + 1;
      return {};
    }
    if (size.error().code != Errc::name_too_long) return size.error();
    if (room >= kLongest) return Error{Errc::too_large, room};
  }
}

template <typename Done>
Result<void> ExecStrings::add_user_array(UserAddr array, Done&& done) {
  if (array == UserAddr(0)) return {};
  for (u64 i = 0;; ++i) {
    const u64 pointer = TRY(read_user<u64>(array + i * sizeof(u64)));
    if (pointer == 0) return {};
    TRY(add_user_text(UserAddr(pointer)));
    done();
  }
}

Result<void> ExecStrings::add_from_user(UserAddr arguments, UserAddr environment) {
  TRY(add_user_array(arguments, [this] { arguments_end_ = end_, ++arguments_; }));
  return add_user_array(environment, [this] { ++variables_; });
}

void ExecStrings::drop_first() {
  CHECK(arguments_ != 0);
  begin_ += std::strlen(text_ + begin_) + 1;
  --arguments_;
}

Result<void> ExecStrings::append(const ExecStrings& more) {
  const std::span<const char> texts = more.text();
  TRY(make_room(texts.size()));
  if (!texts.empty()) std::memcpy(text_ + end_, texts.data(), texts.size());
  arguments_end_ = end_ + more.argument_bytes();
  end_ += texts.size();
  arguments_ += more.arguments_;
  variables_ += more.variables_;
  return {};
}

}  // namespace meridian

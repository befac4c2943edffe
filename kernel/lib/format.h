// SPDX-License-Identifier: MIT
/// print(): typed, compile-time checked formatted output to a Writer.
///
/// A placeholder is `{}` or `{:[<|>][0][width][x|X]}`: `<`/`>` pad on the right/left with blanks (text is
/// left-aligned and numbers right-aligned unless told), `0` pads numbers with zeros, `x` is hexadecimal
/// without and `X` with a leading 0x. `{{` and `}}` are braces. A type prints itself when
/// `void format_value(Writer&, const T&, const FormatSpec&)` is found beside it.
#pragma once

#include <array>
#include <concepts>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "kernel/lib/types.h"

namespace meridian {

/// Where text goes: the console, a buffer, a file.
class Writer {
 public:
  virtual void write(std::string_view text) = 0;
  void put(char c) { write({&c, 1}); }

 protected:
  ~Writer() = default;
};

struct FormatSpec {
  u16 width = 0;
  bool left = false, right = false, zero = false, hex = false, prefix = false;
};

/// A number of bytes, printed as Linux's dumps do: the largest unit that divides it (4K, 2M, 511G).
struct Bytes {
  u64 count;
};

void format_unsigned(Writer& out, u64 value, const FormatSpec& spec);
void format_signed(Writer& out, i64 value, const FormatSpec& spec);
void format_text(Writer& out, std::string_view text, const FormatSpec& spec);
void format_value(Writer& out, const Bytes& bytes, const FormatSpec& spec);

/// One argument with its type erased; lives for the length of one print() call.
class FormatArg {
 public:
  template <typename T>
  constexpr explicit FormatArg(const T& value) : object_(&value), print_(&print_as<T>) {}
  void print(Writer& out, const FormatSpec& spec) const { print_(out, object_, spec); }

 private:
  template <typename T>
  static void print_as(Writer& out, const void* object, const FormatSpec& spec) {
    const T& value = *static_cast<const T*>(object);
    if constexpr (std::same_as<T, bool>)
      format_text(out, value ? "true" : "false", spec);
    else if constexpr (std::same_as<T, char>)
      format_text(out, {&value, 1}, spec);
    else if constexpr (std::is_array_v<T>)
      format_text(out, static_cast<const char*>(value), spec);
    else if constexpr (std::convertible_to<T, std::string_view>)
      format_text(out, std::string_view(value), spec);
    else if constexpr (std::unsigned_integral<T>)
      format_unsigned(out, value, spec);
    else if constexpr (std::signed_integral<T>)
      format_signed(out, value, spec);
    else
      format_value(out, value, spec);
  }

  const void* object_;
  void (*print_)(Writer&, const void*, const FormatSpec&);
};

/// A format string whose placeholders were counted against its arguments by the compiler.
template <typename... Args>
class FormatString {
 public:
  template <typename S>
    requires std::convertible_to<const S&, std::string_view>
  consteval FormatString(const S& text) : text_(text) {  // NOLINT: implicit by design
    if (count_placeholders(text_) != sizeof...(Args)) wrong_number_of_arguments();
  }
  constexpr std::string_view text() const { return text_; }

 private:
  static void wrong_number_of_arguments() {}  // not constexpr: calling it does not compile

  static constexpr usize count_placeholders(std::string_view text) {
    usize count = 0;
    for (usize i = 0; i < text.size(); ++i) {
      if (text[i] != '{') continue;
      if (i + 1 < text.size() && text[i + 1] == '{')
        ++i;
      else
        ++count;
    }
    return count;
  }

  std::string_view text_;
};

void print_args(Writer& out, std::string_view format, std::span<const FormatArg> args);

template <typename... Args>
void print(Writer& out, FormatString<std::type_identity_t<Args>...> format, const Args&... args) {
  const std::array<FormatArg, sizeof...(Args)> erased{FormatArg(args)...};
  print_args(out, format.text(), erased);
}

/// A Writer into a fixed buffer; text that does not fit is dropped and `truncated()` says so.
template <usize N>
class BufferWriter final : public Writer {
 public:
  void write(std::string_view text) override {
    const usize fits = text.size() < N - size_ ? text.size() : N - size_;
    std::memcpy(buffer_.data() + size_, text.data(), fits);
    size_ += fits;
    truncated_ |= fits != text.size();
  }
  std::string_view text() const { return {buffer_.data(), size_}; }
  bool truncated() const { return truncated_; }
  void clear() { size_ = 0, truncated_ = false; }

 private:
  std::array<char, N> buffer_;
  usize size_ = 0;
  bool truncated_ = false;
};

}  // namespace meridian

// SPDX-License-Identifier: MIT
/// Bytes on their way between a file and memory, the kernel's or a program's, in one piece or many.
/// A file takes from a ByteSource or puts into a ByteSink, as much at a time as it likes, and so
/// copies once, straight to where the bytes belong.
///
/// A program's memory may not be there, and finding that out may take long: nobody holds a
/// spinlock, or has interrupts masked, while calling these.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "mm/user/user_copy.h"

namespace meridian {

/// How much of a transfer is left, and whether it met memory that is not there.
class Transfer {
 public:
  u64 left() const { return left_; }
  u64 done() const { return done_; }
  /// What a call that moved done() bytes returns: Errc::fault if the very first could not be.
  Result<u64> result() const {
    if (failed_ && done_ == 0) return Error{Errc::fault};
    return done_;
  }
  bool has_failed() const { return failed_; }
  /// At most `most` more bytes are moved.
  void limit_to(u64 most) { left_ = std::min(left_, most); }

 protected:
  explicit Transfer(u64 size) : left_(size) {}
  ~Transfer() = default;

  /// Of `wanted` bytes `moved` were.
  u64 note(u64 wanted, u64 moved) {
    failed_ |= moved != wanted;
    left_ -= moved;
    done_ += moved;
    return moved;
  }

 private:
  u64 left_, done_ = 0;
  bool failed_ = false;
};

/// Where bytes go.
class ByteSink : public Transfer {
 public:
  /// Takes the first of `from`, at most left(); returns how many. If that is fewer, it
  /// has_failed().
  u64 put(std::span<const std::byte> from) {
    if (from.size() > left()) from = from.first(left());
    return from.empty() ? 0 : note(from.size(), do_put(from));
  }
  u64 put_zeros(u64 count) {
    static constexpr std::array<std::byte, 512> kZeros{};
    u64 done = 0;
    while (done != count && left() != 0 && !has_failed())
      done += put(std::span(kZeros).first(std::min(count - done, u64{kZeros.size()})));
    return done;
  }

 protected:
  using Transfer::Transfer;
  ~ByteSink() = default;

 private:
  virtual u64 do_put(std::span<const std::byte> from) = 0;
};

/// Where bytes come from.
class ByteSource : public Transfer {
 public:
  /// Fills `to`, or as much of it as left() says; returns how much. If that is less, it
  /// has_failed().
  u64 take(std::span<std::byte> to) {
    if (to.size() > left()) to = to.first(left());
    return to.empty() ? 0 : note(to.size(), do_take(to));
  }
  /// A file may not grow beyond that for them (RLIMIT_FSIZE).
  u64 file_limit() const { return file_limit_; }
  void set_file_limit(u64 limit) { file_limit_ = limit; }
  /// They are not wanted, whatever they are.
  void drop(u64 count) { skip(std::min(count, left())); }

 protected:
  using Transfer::Transfer;
  ~ByteSource() = default;

 private:
  void skip(u64 count) {
    do_skip(count);
    note(count, count);
  }
  virtual u64 do_take(std::span<std::byte> to) = 0;
  virtual void do_skip(u64 count) = 0;

  u64 file_limit_ = ~u64{0};
};

// The kernel's memory.

class MemorySink final : public ByteSink {
 public:
  explicit MemorySink(std::span<std::byte> to) : ByteSink(to.size()), to_(to) {}

 private:
  u64 do_put(std::span<const std::byte> from) override {
    std::memcpy(&to_[done()], from.data(), from.size());
    return from.size();
  }
  std::span<std::byte> to_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> from) : ByteSource(from.size()), from_(from) {}

 private:
  u64 do_take(std::span<std::byte> to) override {
    std::memcpy(to.data(), &from_[done()], to.size());
    return to.size();
  }
  void do_skip(u64) override {}
  std::span<const std::byte> from_;
};

}  // namespace meridian

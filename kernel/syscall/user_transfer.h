// SPDX-License-Identifier: MIT
/// Transfers whose memory is a program's: one buffer, or the pieces of readv(2).
#pragma once

#include "mm/user/transfer.h"

namespace meridian {

/// struct iovec.
struct IoVector {
  u64 start, size;
};

/// A place in pieces of memory that lie anywhere.
class PieceCursor {
 public:
  explicit PieceCursor(std::span<const IoVector> pieces) : pieces_(pieces) {}

  /// Moves over the next `count` bytes, which there are, calling `copy(address, done, size)` for
  /// the run in each piece, until one fails. Returns how many bytes were moved.
  template <typename Copy>
  u64 move(u64 count, Copy&& copy) {
    u64 done = 0;
    while (done != count) {
      const IoVector& piece = pieces_[piece_];
      const UserAddr at(piece.start + offset_);
      const u64 size = std::min(piece.size - offset_, count - done);
      const Result<void> copied = size == 0 ? Result<void>() : copy(at, done, size);
      // Up to a fault all bytes count.
      const u64 moved = copied.has_value() ? size : copied.error().about - at.value();
      done += moved;
      offset_ += moved;
      if (moved != size) break;
      if (offset_ == piece.size) ++piece_, offset_ = 0;
    }
    return done;
  }

 private:
  std::span<const IoVector> pieces_;
  usize piece_ = 0;
  u64 offset_ = 0;
};

class UserSink final : public ByteSink {
 public:
  /// `size`: of all pieces together.
  UserSink(std::span<const IoVector> pieces, u64 size) : ByteSink(size), cursor_(pieces) {}

 private:
  u64 do_put(std::span<const std::byte> from) override {
    return cursor_.move(from.size(), [&](UserAddr at, u64 done, u64 size) {
      return copy_to_user(at, from.subspan(done, size));
    });
  }
  PieceCursor cursor_;
};

class UserSource final : public ByteSource {
 public:
  UserSource(std::span<const IoVector> pieces, u64 size) : ByteSource(size), cursor_(pieces) {}

 private:
  u64 do_take(std::span<std::byte> to) override {
    return cursor_.move(to.size(), [&](UserAddr at, u64 done, u64 size) {
      return copy_from_user(to.subspan(done, size), at);
    });
  }
  void do_skip(u64 count) override {
    cursor_.move(count, [](UserAddr, u64, u64) { return Result<void>(); });
  }
  PieceCursor cursor_;
};

}  // namespace meridian

// SPDX-License-Identifier: MIT
/// Buffer: kmalloc()ed bytes that go when it goes.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "mm/slab/kmalloc.h"

namespace meridian {

class Buffer {
 public:
  /// Not cleared. Errc::out_of_frames, too_large.
  static Result<Buffer> make(usize size) {
    return Buffer(static_cast<std::byte*>(TRY(kmalloc(size))), size);
  }
  Buffer(Buffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() { kfree(bytes_); }

  std::span<std::byte> bytes() const { return {bytes_, size_}; }

 private:
  Buffer(std::byte* bytes, usize size) : bytes_(bytes), size_(size) {}

  std::byte* bytes_;
  usize size_;
};

}  // namespace meridian

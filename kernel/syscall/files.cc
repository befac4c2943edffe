// SPDX-License-Identifier: MIT
/// Output. So far a program has two files, 1 and 2, and both are the console.
#include "kernel/syscall/files.h"

#include "kernel/console/console.h"
#include "mm/user/user_copy.h"

namespace meridian {
namespace {

constexpr u64 kMostAtOnce = 0x7fff'f000;  // Linux's MAX_RW_COUNT
constexpr u64 kMostPieces = 1024;         // and its UIO_MAXIOV

bool is_output(i32 file) { return file == 1 || file == 2; }

/// As write(2): how much was written before a fault, or the fault if it was nothing.
Result<u64> write_to_console(UserRange text) {
  std::array<std::byte, 256> chunk;
  u64 done = 0;
  while (done < text.size()) {
    const u64 left = text.size() - done;
    const u64 count = left < chunk.size() ? left : chunk.size();
    const std::span<std::byte> part = std::span(chunk).first(count);
    const Result<void> copied = copy_from_user(part, text.start() + done);
    // Up to a fault all bytes count.
    const u64 good =
        copied.has_value() ? count : copied.error().about - (text.start() + done).value();
    console().write({reinterpret_cast<const char*>(chunk.data()), good});
    done += good;
    if (!copied.has_value()) {
      if (done == 0) return copied.error();
      break;
    }
  }
  return done;
}

struct IoVector {
  u64 start, size;
};

}  // namespace

SyscallResult sys_write(const Syscall& call) {
  if (!is_output(call.integer(0))) return Errno::ebadf;
  const Result<void> checked = check_user_range({call.address(1), call.x[2]});
  if (!checked.has_value()) return checked.error();
  const u64 size = call.x[2] < kMostAtOnce ? call.x[2] : kMostAtOnce;
  const Result<u64> written = write_to_console({call.address(1), size});
  return written.has_value() ? SyscallResult(written.value()) : written.error();
}

SyscallResult sys_writev(const Syscall& call) {
  if (!is_output(call.integer(0))) return Errno::ebadf;
  if (call.x[2] > kMostPieces) return Errno::einval;
  u64 done = 0;
  for (u64 i = 0; i < call.x[2]; ++i) {
    const Result<IoVector> piece = read_user<IoVector>(call.address(1) + i * sizeof(IoVector));
    if (!piece.has_value()) return done != 0 ? SyscallResult(done) : piece.error();
    const UserRange text(UserAddr(piece.value().start), piece.value().size);
    if (text.size() > kMostAtOnce - done) return done != 0 ? SyscallResult(done) : Errno::einval;
    const Result<u64> written = write_to_console(text);
    if (!written.has_value()) return done != 0 ? SyscallResult(done) : written.error();
    done += written.value();
    if (written.value() != text.size()) break;
  }
  return done;
}

}  // namespace meridian

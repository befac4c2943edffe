// SPDX-License-Identifier: MIT
/// Pipes: a ring of pages between those who write and those who read. A page has memory from when
/// it is first written.
#pragma once

#include "kernel/fs/file.h"

namespace meridian {

class Pipe : public RefCounted {
 public:
  /// A write of at most this many bytes is in one piece, or not done at all.
  static constexpr usize kAtomic = 4096;
  static constexpr usize kUsualPages = 16, kMostPages = 256;

  /// Errc::out_of_frames.
  static Result<Ref<Pipe>> make();
  static void destroy(Pipe* pipe);

  /// Whoever holds an end. The last writer to go ends the stream, the last reader breaks it.
  /// add_...() returns how many of the other end have come and gone by then.
  u64 add_reader();
  u64 add_writer();
  void drop_reader();
  void drop_writer();

  enum class Wait : u8 { yes, no };
  /// What there is, up to `to`; 0 if nothing is and nobody writes. Errc::try_again, interrupted.
  Result<u64> read(std::span<std::byte> to, Wait wait);
  /// Errc::broken_pipe if nobody reads (the caller sends SIGPIPE), try_again, interrupted (if no
  /// byte was written yet), out_of_frames.
  Result<u64> write(std::span<const std::byte> from, Wait wait);

  /// Bytes that it can hold. resize() rounds up to a power of two of pages; Errc::busy if what is
  /// in it would not fit, not_permitted above kMostPages.
  u64 capacity();
  Result<u64> resize(u64 bytes);
  /// Bytes to read.
  u64 available();

  u32 poll_reader();
  u32 poll_writer();
  PollQueue& poll_queue() { return poll_queue_; }

  /// How a named pipe is opened: until more than so many have had the other end, be it for a
  /// moment. Errc::interrupted.
  Result<void> wait_for_writer(u64 gone);
  Result<void> wait_for_reader(u64 gone);
  bool has_reader();

 private:
  /// Positions only grow; the page of a position is position / kPageSize modulo how many there are.
  struct Ring {
    u64 capacity() const { return pages * kPageSize; }
    u64 used() const { return written - taken; }
    u64 room() const { return capacity() - used(); }
    Result<void> prepare(u64 size);
    void put(std::span<const std::byte> from);
    void get(std::span<std::byte> to);
    Result<void> move_to(Ring& fresh);
    void free_pages();
    std::byte* at(u64 position, u64& run) const;

    std::byte** page = nullptr;
    u64 pages = 0;
    u64 written = 0, taken = 0;
    u32 readers = 0, writers = 0;
    u64 readers_ever = 0, writers_ever = 0;
  };

  Pipe() = default;
  ~Pipe();

  void changed();
  Result<u64> write_some(std::span<const std::byte> from, Wait wait);

  Locked<Ring> ring_;
  WaitQueue readable_, writable_, opened_;
  PollQueue poll_queue_;
};

/// The two open ends of pipe2(2).
struct PipeEnds {
  Ref<File> read, write;
};
/// `flags`: O_NONBLOCK and O_DIRECT's kind, for both ends. `clock` is for what stat(2) tells.
/// Errc::out_of_frames.
Result<PipeEnds> make_pipe(OpenFlags flags, FileClock clock);

/// Opens a named pipe, whose inode is `inode`: waits for the other end, unless O_NONBLOCK (then
/// Errc::no_device for a writer without a reader).
Result<Ref<File>> open_fifo(const Ref<Pipe>& pipe, Ref<Inode> inode, OpenFlags flags);

}  // namespace meridian

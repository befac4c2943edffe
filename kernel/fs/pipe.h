// SPDX-License-Identifier: MIT
/// Pipes: a ring of pages between those who write and those who read. A page has memory from when
/// it is first written. Bytes are copied straight between the pages and where they come from or go
/// to, which may sleep: so without the ring's lock, by one reader and one writer at a time.
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
  /// What there is, up to `to`; 0 if nothing is and nobody writes. Errc::try_again, interrupted,
  /// fault.
  Result<u64> read(ByteSink& to, Wait wait);
  /// Errc::broken_pipe if nobody reads (the caller sends SIGPIPE), try_again, interrupted (if no
  /// byte was written yet), fault, out_of_frames.
  Result<u64> write(ByteSource& from, Wait wait);

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
  struct Pages {
    std::byte* at(u64 position, u64& run) const;
    Result<void> prepare(u64 position, u64 size) const;
    void free() const;

    std::byte** page = nullptr;
    u64 count = 0;
  };
  struct Ring {
    u64 capacity() const { return pages.count * kPageSize; }
    u64 used() const { return written - taken; }
    u64 room() const { return capacity() - used(); }
    void put(std::span<const std::byte> from);
    Result<void> move_to(Ring& fresh);

    Pages pages;  // stay while somebody copies
    u64 written = 0, taken = 0;
    bool is_reading = false, is_writing = false;  // somebody copies from `taken`, to `written` on
    u32 readers = 0, writers = 0;
    u64 readers_ever = 0, writers_ever = 0;
  };

  Pipe() = default;
  ~Pipe();

  void changed();
  void moved();
  Result<u64> write_some(ByteSource& from, u64 least, Wait wait);
  static Result<u64> fill(const Pages& pages, u64 start, u64 count, ByteSource& from);

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

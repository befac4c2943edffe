// SPDX-License-Identifier: MIT
#include "kernel/fs/pipe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "kernel/fs/counted.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/format.h"

namespace meridian {
namespace {

constexpr u32 kGetBytes = 0x541b;  // ioctl FIONREAD

/// The file system that pipes without a name are in.
class PipeFileSystem final : public FileSystem {
 public:
  explicit PipeFileSystem(FileClock clock) : FileSystem(clock) {}
  std::string_view type_name() const override { return "pipefs"; }
  FileSystemStatus status() override { return {0x5049'5045, kPageSize, 0, 0}; }

 private:
  void destroy_this() override { destroy_counted(this); }
};

class PipeInode final : public Inode {
 public:
  PipeInode(Ref<FileSystem> file_system, Ref<Pipe> pipe)
      : Inode(std::move(file_system), InodeType::fifo, 0600), pipe_(std::move(pipe)) {}

  Result<Ref<File>> open(OpenFlags flags) override {
    return open_fifo(pipe_, Ref<Inode>(*this), flags);
  }
  void describe(Writer& out) override { print(out, "pipe:[{}]", number()); }

 private:
  void destroy_this() override { destroy_counted(this); }

  Ref<Pipe> pipe_;
};

/// One end, or with O_RDWR both.
class PipeFile final : public File {
 public:
  PipeFile(Ref<Inode> inode, OpenFlags flags, Ref<Pipe> pipe)
      : File(std::move(inode), flags), pipe_(std::move(pipe)) {
    if (flags.may_read()) writers_gone_ = pipe_->add_reader();
    if (flags.may_write()) readers_gone_ = pipe_->add_writer();
  }
  ~PipeFile() {
    if (flags().may_read()) pipe_->drop_reader();
    if (flags().may_write()) pipe_->drop_writer();
  }

  /// Waits for who has the other end now, or will; somebody with both ends needs nobody.
  Result<void> wait_for_other_end() {
    if (!flags().may_write()) return pipe_->wait_for_writer(writers_gone_);
    if (!flags().may_read()) return pipe_->wait_for_reader(readers_gone_);
    return {};
  }

  u32 poll() override {
    return (flags().may_read() ? pipe_->poll_reader() : 0) |
           (flags().may_write() ? pipe_->poll_writer() : 0);
  }
  PollQueue* poll_queue() override { return &pipe_->poll_queue(); }
  Result<u64> ioctl(u32 request, IoctlArgument& argument) override {
    if (request != kGetBytes) return File::ioctl(request, argument);
    const u32 count = static_cast<u32>(pipe_->available());
    TRY(argument.write(std::as_bytes(std::span(&count, 1))));
    return u64{0};
  }
  Pipe* pipe() override { return pipe_.get(); }

 private:
  Pipe::Wait wait() const { return is_nonblocking() ? Pipe::Wait::no : Pipe::Wait::yes; }
  Result<u64> do_read(ByteSink& to) override { return pipe_->read(to, wait()); }
  Result<u64> do_write(ByteSource& from) override { return pipe_->write(from, wait()); }
  void destroy_this() override { destroy_counted(this); }

  Ref<Pipe> pipe_;
  u64 readers_gone_ = 0, writers_gone_ = 0;  // when this end was opened
};

}  // namespace

// The ring.

/// The byte at `position`, and how many follow it in its page.
std::byte* Pipe::Pages::at(u64 position, u64& run) const {
  const u64 offset = position & (kPageSize - 1);
  run = kPageSize - offset;
  return page[position / kPageSize & (count - 1)] + offset;
}

/// Puts memory behind the `size` bytes from `position` on.
Result<void> Pipe::Pages::prepare(u64 position, u64 size) const {
  for (u64 at = align_down(position, kPageSize); at < position + size; at += kPageSize) {
    std::byte*& memory = page[at / kPageSize & (count - 1)];
    if (memory == nullptr) memory = static_cast<std::byte*>(TRY(kmalloc(kPageSize)));
  }
  return {};
}

void Pipe::Pages::free() const {
  for (u64 i = 0; i < count; ++i) kfree(page[i]);
  kfree(page);
}

void Pipe::Ring::put(std::span<const std::byte> from) {
  while (!from.empty()) {
    u64 run = 0;
    std::byte* const to = pages.at(written, run);
    const usize count = from.size() < run ? from.size() : run;
    std::memcpy(to, from.data(), count);
    written += count;
    from = from.subspan(count);
  }
}

// The pipe.

Result<Ref<Pipe>> Pipe::make() {
  auto pipe = Ref<Pipe>::adopt(*new (TRY(kmalloc(sizeof(Pipe)))) Pipe);
  TRY(pipe->resize(kUsualPages * kPageSize));
  return pipe;
}

void Pipe::destroy(Pipe* pipe) {
  pipe->~Pipe();
  kfree(pipe);
}

Pipe::~Pipe() {
  ring_.with([](Ring& ring) { ring.pages.free(); });
}

/// Bytes came or went, or somebody stopped copying: both sides look again.
void Pipe::moved() {
  readable_.wake_all();
  writable_.wake_all();
  poll_queue_.notify();
}
/// The same, and who waits for an other end.
void Pipe::changed() {
  opened_.wake_all();
  moved();
}

u64 Pipe::add_reader() {
  const u64 gone = ring_.with([](Ring& ring) {
    ++ring.readers, ++ring.readers_ever;
    return ring.writers_ever - ring.writers;
  });
  changed();
  return gone;
}
u64 Pipe::add_writer() {
  const u64 gone = ring_.with([](Ring& ring) {
    ++ring.writers, ++ring.writers_ever;
    return ring.readers_ever - ring.readers;
  });
  changed();
  return gone;
}
void Pipe::drop_reader() {
  ring_.with([](Ring& ring) { --ring.readers; });
  changed();
}
void Pipe::drop_writer() {
  ring_.with([](Ring& ring) { --ring.writers; });
  changed();
}

Result<u64> Pipe::read(ByteSink& to, Wait wait) {
  if (to.left() == 0) return u64{0};
  Pages pages;
  u64 start = 0, count = 0;
  bool ended = false;
  const auto begin = [&](Ring& ring) {
    if (ring.is_reading) return false;
    pages = ring.pages;
    start = ring.taken;
    count = std::min(ring.used(), to.left());
    ring.is_reading = count != 0;
    ended = ring.writers == 0;
    return count != 0 || ended || wait == Wait::no;
  };
  TRY(readable_.wait(ring_, begin, {.interruptible = true}));
  if (count == 0) return ended ? Result<u64>(u64{0}) : Error{Errc::try_again};

  u64 done = 0;
  while (done != count) {
    u64 run = 0;
    const std::byte* const from = pages.at(start + done, run);
    run = std::min(run, count - done);
    const u64 put = to.put({from, run});
    done += put;
    if (put != run) break;
  }
  ring_.with([done](Ring& ring) { ring.taken += done, ring.is_reading = false; });
  moved();
  return to.result();
}

/// Copies to the ring's pages, of which this thread is the one writer; returns how many bytes.
Result<u64> Pipe::fill(const Pages& pages, u64 start, u64 count, ByteSource& from) {
  TRY(pages.prepare(start, count));
  u64 done = 0;
  while (done != count) {
    u64 run = 0;
    std::byte* const to = pages.at(start + done, run);
    run = std::min(run, count - done);
    const u64 taken = from.take({to, run});
    done += taken;
    if (taken != run) break;
  }
  return done;
}

/// As much as there is room for, and at least `least`. (An atomic write of which some cannot be
/// read is not made at all.)
Result<u64> Pipe::write_some(ByteSource& from, u64 least, Wait wait) {
  Pages pages;
  u64 start = 0, count = 0;
  bool broken = false;
  const auto begin = [&](Ring& ring) {
    broken = ring.readers == 0;
    if (broken) return true;
    if (ring.is_writing) return false;
    if (ring.room() < least) return wait == Wait::no;
    pages = ring.pages;
    start = ring.written;
    count = std::min(ring.room(), from.left());
    return ring.is_writing = true;
  };
  TRY(writable_.wait(ring_, begin, {.interruptible = true}));
  if (broken) return Error{Errc::broken_pipe};
  if (count == 0) return Error{Errc::try_again};

  Result<u64> filled = fill(pages, start, count, from);
  if (filled.value_or(0) < least && filled.has_value()) filled = Error{Errc::fault};
  ring_.with([&](Ring& ring) {
    ring.written += filled.value_or(0);
    ring.is_writing = false;
  });
  moved();
  return filled;
}

Result<u64> Pipe::write(ByteSource& from, Wait wait) {
  const u64 least = from.left() <= kAtomic ? from.left() : 1;
  u64 done = 0;
  while (from.left() != 0 && !from.has_failed()) {
    const Result<u64> some = write_some(from, least, wait);
    if (!some.has_value() && done == 0) return some.error();
    if (!some.has_value()) break;
    done += some.value();
  }
  return done;
}

u64 Pipe::capacity() {
  return ring_.with([](const Ring& ring) { return ring.capacity(); });
}
u64 Pipe::available() {
  return ring_.with([](const Ring& ring) { return ring.used(); });
}
bool Pipe::has_reader() {
  return ring_.with([](const Ring& ring) { return ring.readers != 0; });
}

/// Moves all bytes to a ring of its own, because a byte's page depends on how many there are.
Result<void> Pipe::Ring::move_to(Ring& fresh) {
  if (used() > fresh.capacity()) return Error{Errc::busy, fresh.capacity()};
  TRY(fresh.pages.prepare(0, used()));
  while (used() != 0) {
    u64 run = 0;
    const std::byte* const from = pages.at(taken, run);
    const u64 count = used() < run ? used() : run;
    fresh.put({from, count});
    taken += count;
  }
  std::swap(pages, fresh.pages);
  written = fresh.written, taken = fresh.taken;
  return {};
}

Result<u64> Pipe::resize(u64 bytes) {
  if (bytes > kMostPages * kPageSize) return Error{Errc::not_permitted, bytes};
  Ring fresh;
  fresh.pages.count = std::bit_ceil(bytes > kPageSize ? divide_up(bytes, kPageSize) : 1);
  const u64 size = fresh.capacity(), table = fresh.pages.count * sizeof(std::byte*);
  fresh.pages.page = static_cast<std::byte**>(TRY(kmalloc(table)));
  std::memset(fresh.pages.page, 0, table);
  Result<void> done;
  const auto move = [&](Ring& ring) {
    if (ring.is_reading || ring.is_writing) return false;
    done = ring.move_to(fresh);
    return true;
  };
  writable_.wait(ring_, move).value();
  fresh.pages.free();  // the old ones, or these
  if (!done.has_value()) return done.error();
  changed();
  return size;
}

/// Linux adds an error to a pipe that nobody reads, a hang-up to one that nobody writes.
u32 Pipe::poll_reader() {
  return ring_.with([](const Ring& ring) {
    return (ring.used() != 0 ? PollEvents::kReadable : 0) |
           (ring.writers == 0 && ring.writers_ever != 0 ? PollEvents::kHangUp : 0);
  });
}
u32 Pipe::poll_writer() {
  return ring_.with([](const Ring& ring) {
    return (ring.room() >= kAtomic ? PollEvents::kWritable : 0) |
           (ring.readers == 0 ? PollEvents::kError : 0);
  });
}

Result<void> Pipe::wait_for_writer(u64 gone) {
  const auto came = [gone](const Ring& ring) { return ring.writers_ever != gone; };
  return opened_.wait(ring_, came, {.interruptible = true});
}

Result<void> Pipe::wait_for_reader(u64 gone) {
  const auto came = [gone](const Ring& ring) { return ring.readers_ever != gone; };
  return opened_.wait(ring_, came, {.interruptible = true});
}

// Opening.

Result<PipeEnds> make_pipe(OpenFlags flags, FileClock clock) {
  const auto pipe = TRY(Pipe::make());
  const auto file_system = TRY(make_counted<PipeFileSystem>(clock));
  const Ref<Inode> inode(TRY(make_counted<PipeInode>(Ref<FileSystem>(file_system), pipe)));
  const u32 kept = flags.bits() & OpenFlags::kChangeable;
  PipeEnds ends;
  ends.read = TRY(make_counted<PipeFile>(inode, OpenFlags(kept | OpenFlags::kReadOnly), pipe));
  ends.write = TRY(make_counted<PipeFile>(inode, OpenFlags(kept | OpenFlags::kWriteOnly), pipe));
  return ends;
}

Result<Ref<File>> open_fifo(const Ref<Pipe>& pipe, Ref<Inode> inode, OpenFlags flags) {
  const bool waits = !flags.has(OpenFlags::kNonblock);
  if (!waits && !flags.may_read() && !pipe->has_reader()) return Error{Errc::no_device};
  // From here on the other end sees this one, and need not wait for it.
  const Ref<PipeFile> file(TRY(make_counted<PipeFile>(std::move(inode), flags, pipe)));
  if (waits) TRY(file->wait_for_other_end());
  return Ref<File>(file);
}

}  // namespace meridian

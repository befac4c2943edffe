// SPDX-License-Identifier: MIT
#include "kernel/fs/pipe.h"

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
  Result<u64> do_read(std::span<std::byte> to) override { return pipe_->read(to, wait()); }
  Result<u64> do_write(std::span<const std::byte> from) override {
    return pipe_->write(from, wait());
  }
  void destroy_this() override { destroy_counted(this); }

  Ref<Pipe> pipe_;
  u64 readers_gone_ = 0, writers_gone_ = 0;  // when this end was opened
};

}  // namespace

// The ring.

/// The byte at `position`, and how many follow it in its page.
std::byte* Pipe::Ring::at(u64 position, u64& run) const {
  const u64 offset = position & (kPageSize - 1);
  run = kPageSize - offset;
  return page[position / kPageSize & (pages - 1)] + offset;
}

/// Puts memory behind the next `size` bytes, so that put() cannot fail.
Result<void> Pipe::Ring::prepare(u64 size) {
  for (u64 at = align_down(written, kPageSize); at < written + size; at += kPageSize) {
    std::byte*& memory = page[at / kPageSize & (pages - 1)];
    if (memory == nullptr) memory = static_cast<std::byte*>(TRY(kmalloc(kPageSize)));
  }
  return {};
}

void Pipe::Ring::put(std::span<const std::byte> from) {
  while (!from.empty()) {
    u64 run = 0;
    std::byte* const to = at(written, run);
    const usize count = from.size() < run ? from.size() : run;
    std::memcpy(to, from.data(), count);
    written += count;
    from = from.subspan(count);
  }
}

void Pipe::Ring::get(std::span<std::byte> to) {
  while (!to.empty()) {
    u64 run = 0;
    const std::byte* const from = at(taken, run);
    const usize count = to.size() < run ? to.size() : run;
    std::memcpy(to.data(), from, count);
    taken += count;
    to = to.subspan(count);
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
  ring_.with([](Ring& ring) { ring.free_pages(); });
}

/// Both sides look again.
void Pipe::changed() {
  readable_.wake_all();
  writable_.wake_all();
  opened_.wake_all();
  poll_queue_.notify();
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

Result<u64> Pipe::read(std::span<std::byte> to, Wait wait) {
  if (to.empty()) return u64{0};
  u64 count = 0;
  const auto take = [&](Ring& ring) {
    count = ring.used() < to.size() ? ring.used() : to.size();
    if (count == 0) return ring.writers == 0;
    ring.get(to.first(count));
    return true;
  };
  if (wait == Wait::yes)
    TRY(readable_.wait(ring_, take, {.interruptible = true}));
  else if (!ring_.with(take))
    return Error{Errc::try_again};
  if (count != 0) {
    writable_.wake_all();
    poll_queue_.notify();
  }
  return count;
}

/// As much as there is room for: at least one byte, and all of an atomic write.
Result<u64> Pipe::write_some(std::span<const std::byte> from, Wait wait) {
  const u64 least = from.size() <= kAtomic ? from.size() : 1;
  Result<u64> written = u64{0};
  const auto put = [&](Ring& ring) {
    if (ring.readers == 0) {
      written = Error{Errc::broken_pipe};
      return true;
    }
    if (ring.room() < least) return false;
    const u64 count = ring.room() < from.size() ? ring.room() : from.size();
    const Result<void> prepared = ring.prepare(count);
    if (prepared.has_value())
      ring.put(from.first(count)), written = count;
    else
      written = prepared.error();
    return true;
  };
  if (wait == Wait::yes)
    TRY(writable_.wait(ring_, put, {.interruptible = true}));
  else if (!ring_.with(put))
    return Error{Errc::try_again};
  readable_.wake_all();
  poll_queue_.notify();
  return written;
}

Result<u64> Pipe::write(std::span<const std::byte> from, Wait wait) {
  u64 done = 0;
  while (done != from.size()) {
    // What is left of a large write need not be in one piece, however little it is.
    const Result<u64> some = write_some(from.subspan(done), wait);
    if (!some.has_value()) {
      if (done == 0) return some.error();
      break;
    }
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
  TRY(fresh.prepare(used()));
  while (used() != 0) {
    u64 run = 0;
    const std::byte* const from = at(taken, run);
    const u64 count = used() < run ? used() : run;
    fresh.put({from, count});
    taken += count;
  }
  std::swap(page, fresh.page);
  std::swap(pages, fresh.pages);
  written = fresh.written, taken = fresh.taken;
  return {};
}

void Pipe::Ring::free_pages() {
  for (u64 i = 0; i < pages; ++i) kfree(page[i]);
  kfree(page);
}

Result<u64> Pipe::resize(u64 bytes) {
  if (bytes > kMostPages * kPageSize) return Error{Errc::not_permitted, bytes};
  Ring fresh;
  fresh.pages = std::bit_ceil(bytes > kPageSize ? divide_up(bytes, kPageSize) : 1);
  const u64 size = fresh.capacity();
  fresh.page = static_cast<std::byte**>(TRY(kmalloc(fresh.pages * sizeof(std::byte*))));
  std::memset(fresh.page, 0, fresh.pages * sizeof(std::byte*));
  const Result<void> moved = ring_.with([&](Ring& ring) { return ring.move_to(fresh); });
  fresh.free_pages();  // the old ones, or these
  if (!moved.has_value()) return moved.error();
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

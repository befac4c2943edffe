// SPDX-License-Identifier: MIT
/// Watches: the files that one call waits for, and what each is ready for.
#pragma once

#include <array>

#include "kernel/fs/counted.h"
#include "kernel/fs/file.h"

namespace meridian {

/// One of the files; none at all is never ready.
struct Watch {
  Ref<File> file;
  u32 wanted = 0;  // PollEvents
  u32 found = 0;
  PollEntry entry;
};

class Watches {
 public:
  Watches() = default;
  Watches(const Watches&) = delete;
  ~Watches() {
    while (Chunk* const chunk = first_.next) {
      first_.next = chunk->next;
      chunk->~Chunk();
      kfree(chunk);
    }
  }

  /// One file more to watch. (Errors and hang-ups are always wanted.) Errc::out_of_frames.
  Result<void> add(Ref<File> file, u32 wanted) {
    if (used_ == last_->watches.size()) {
      last_ = last_->next = new (TRY(kmalloc(sizeof(Chunk)))) Chunk;
      used_ = 0;
    }
    Watch& watch = last_->watches[used_++];
    watch.wanted = wanted | PollEvents::kError | PollEvents::kHangUp;
    watch.file = std::move(file);
    PollQueue* const queue = watch.file ? watch.file->poll_queue() : nullptr;
    if (queue != nullptr) watch.entry.join(*queue, poller_);
    return {};
  }

  /// Until a file is ready or the deadline has come. How many are. Errc::interrupted.
  Result<u64> wait(std::optional<u64> deadline) {
    for (bool last = false;;) {
      const u64 ready = look();
      if (ready != 0 || last) return ready;
      const Result<void> waited = poller_.wait({.interruptible = true, .deadline = deadline});
      if (waited.has_value()) continue;
      if (waited.error().code != Errc::timed_out) return waited.error();
      last = true;
    }
  }
  /// How many are ready now.
  u64 look() {
    u64 ready = 0;
    for_each([&](Watch& watch) {
      watch.found = watch.file ? watch.file->poll() & watch.wanted : 0;
      ready += watch.found != 0;
    });
    return ready;
  }

  /// In the order in which they were added.
  template <typename Use>
  void for_each(Use&& use) {
    for (Chunk* chunk = &first_; chunk != nullptr; chunk = chunk->next) {
      const usize used = chunk == last_ ? used_ : chunk->watches.size();
      for (usize i = 0; i < used; ++i) use(chunk->watches[i]);
    }
  }

 private:
  struct Chunk {
    std::array<Watch, 8> watches;
    Chunk* next = nullptr;
  };
  Poller poller_;  // goes last
  Chunk first_;
  Chunk* last_ = &first_;
  usize used_ = 0;  // in the last one
};

}  // namespace meridian

// SPDX-License-Identifier: MIT
#include "kernel/proc/timers.h"

#include <arch/clock.h>

#include "kernel/proc/thread.h"

namespace meridian {
namespace {

constinit Locked<TimerQueue> queue;
/// The thread waits here for the first deadline, and to learn of an earlier one.
constinit WaitQueue changed;

void serve(void*) {
  for (;;) {
    const std::optional<u64> first = queue.with([](TimerQueue& q) {
      q.expire_until(arch::counter());
      return q.first_deadline();
    });
    const auto is_earlier = [first](TimerQueue& q) {
      const std::optional<u64> next = q.first_deadline();
      return next && (!first || *next < *first);
    };
    (void)changed.wait(queue, is_earlier, {.deadline = first});
  }
}

}  // namespace

void TimerQueue::set(Timer& timer, u64 deadline) {
  cancel(timer);
  timer.deadline_ = deadline;
  Timer* later = timers_.front();
  while (later != nullptr && later->deadline_ <= deadline) later = timers_.next(*later);
  timers_.insert_before(later, timer);
}

void TimerQueue::cancel(Timer& timer) {
  if (timer.hook_.is_linked()) timers_.erase(timer);
}

std::optional<u64> TimerQueue::first_deadline() const {
  const Timer* const first = timers_.front();
  return first == nullptr ? std::nullopt : std::optional(first->deadline_);
}

void TimerQueue::expire_until(u64 now) {
  while (Timer* const first = timers_.front()) {
    if (first->deadline_ > now) return;
    timers_.erase(*first);
    if (const std::optional<u64> next = first->expire(now)) set(*first, *next);
  }
}

Locked<TimerQueue>& timers() { return queue; }
void timers_changed() { changed.wake_one(); }

Result<void> start_timers() {
  TRY(start_thread("timers", serve, nullptr));
  return {};
}

}  // namespace meridian

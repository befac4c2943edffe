// SPDX-License-Identifier: MIT
#include "kernel/proc/thread.h"

#include <memory>
#include <new>

#include "kernel/proc/scheduler.h"
#include "kernel/proc/thread_list.h"
#include "mm/kernel/vmalloc.h"
#include "mm/slab/kmalloc.h"

namespace meridian {

const char* name_of(ThreadState state) {
  switch (state) {
    case ThreadState::running:
      return "running";
    case ThreadState::ready:
      return "ready";
    case ThreadState::sleeping:
      return "sleeping";
    case ThreadState::ended:
      return "ended";
  }
  UNREACHABLE();
}

/// In ascending order of id.
class ThreadList {
 public:
  void add(Thread& thread) {
    thread.id_ = ++last_id_;
    threads_.push_back(thread);
  }
  void remove(Thread& thread) { threads_.erase(thread); }
  Thread* first_after(u64 id) const {
    Thread* thread = threads_.front();
    while (thread != nullptr && thread->id_ <= id) thread = threads_.next(*thread);
    return thread;
  }

 private:
  List<Thread, &Thread::all_hook_> threads_;
  u64 last_id_ = 0;
};

namespace {

constinit Locked<ThreadList> all_threads;

/// Never destroyed, so that no destructor is due at an exit that never comes.
alignas(Thread) constinit std::byte boot_thread[sizeof(Thread)];

}  // namespace

Thread::Thread(std::string_view name, unsigned bound_to)
    : name_(name.substr(0, 16)), bound_to_(bound_to) {
  if (is_bound()) cpu = bound_to;
}

void Thread::destroy(Thread* thread) {
  if (thread->stack_) free_kernel_stack(*thread->stack_);
  std::destroy_at(thread);
  kfree(thread);
}

Result<Ref<Thread>> allocate_thread(std::string_view name, unsigned bound_to) {
  void* const memory = TRY(kmalloc(sizeof(Thread)));
  return Ref<Thread>::adopt(*new (memory) Thread(name, bound_to));
}

void list_thread(Thread& thread) {
  all_threads.with([&](ThreadList& list) { list.add(thread); });
}
void unlist_thread(Thread& thread) {
  all_threads.with([&](ThreadList& list) { list.remove(thread); });
}

std::optional<ThreadInfo> next_thread(u64 id) {
  return all_threads.with([id](ThreadList& list) -> std::optional<ThreadInfo> {
    Thread* const thread = list.first_after(id);
    if (thread == nullptr) return std::nullopt;
    return thread_info(*thread);
  });
}

void adopt_boot_thread() {
  Thread* const thread = new (boot_thread) Thread("shell", 0);
  arch::set_current_context(*thread);
  list_thread(*thread);
}

}  // namespace meridian

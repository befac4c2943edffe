// SPDX-License-Identifier: MIT
/// Threads as objects: their memory, and the list of those that have not ended.
#pragma once

#include "kernel/proc/thread.h"

namespace meridian {

/// A thread that nobody runs yet. Errc::out_of_frames.
Result<Ref<Thread>> allocate_thread(std::string_view name, unsigned bound_to);

/// It gets its id, the next one, and next_thread() finds it.
void list_thread(Thread& thread);
/// And no more.
void unlist_thread(Thread& thread);

/// What there is to say about a thread that is listed (scheduler.cc).
ThreadInfo thread_info(Thread& thread);

}  // namespace meridian

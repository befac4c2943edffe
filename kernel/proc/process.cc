// SPDX-License-Identifier: MIT
#include "kernel/proc/process.h"

#include <arch/clock.h>
#include <arch/interrupts.h>

#include <arch/user.h>

#include "kernel/entry.h"
#include "kernel/fs/counted.h"

namespace meridian {

Result<Ref<Process>> Process::make() {
  Ref<Process> process = TRY(make_counted<Process>());
  process->start_time_ = arch::counter();
  return process;
}

void Process::destroy(Process* process) { destroy_counted(process); }

Result<void> Process::make_thread(const arch::TrapFrame& frame) {
  thread_ = TRY(meridian::make_thread(name(), begin, this));
  thread_->process = this;
  thread_->user_space = space_.get();
  arch::open_to_user(*thread_);
  first_frame_ = frame;
  return {};
}

/// The thread holds a reference to its process until it ends (exit_process).
void Process::run() {
  add_ref();
  run_thread(*thread_);
}

void Process::begin(void* process) {
  arch::TrapFrame frame = static_cast<Process*>(process)->first_frame_;
  arch::mask_interrupts();
  before_user(frame);
  arch::go_to_user(frame);
}

FixedText<16> Process::name() {
  return resources_.with([](Resources& r) { return r.name; });
}

void Process::set_name(std::string_view name) {
  constexpr usize kLongest = 15;
  resources_.with([&](Resources& r) { r.name = name.substr(0, kLongest); });
}

ProgramPlaces Process::places() {
  return resources_.with([](Resources& r) { return r.places; });
}
void Process::set_places(const ProgramPlaces& places) {
  resources_.with([&](Resources& r) { r.places = places; });
}

Limits Process::limits() {
  return resources_.with([](Resources& r) { return r.limits; });
}
Limit Process::limit(LimitKind kind) {
  return resources_.with([kind](Resources& r) { return r.limits[kind]; });
}
void Process::set_limits(const Limits& limits) {
  resources_.with([&](Resources& r) { r.limits = limits; });
}

namespace {

/// Held while limits change, so that a space has them in the order in which its process got them. (A
/// space has a lock that sleeps: nothing is asked of it with resources_ locked.)
constinit Mutex limit_changes;

Usage usage_in(UserSpace& space) {
  const SpaceStats stats = space.stats();
  return {.minor_faults = stats.minor_faults,
          .major_faults = stats.major_faults,
          .peak_resident = stats.peak_resident};
}

}  // namespace

/// Changes what the space enforces, and tells it.
template <typename Change>
void Process::change_bounds(Change&& change) {
  MutexGuard guard(limit_changes);
  Ref<UserSpace> space;
  const SpaceLimits bounds = resources_.with([&](Resources& r) {
    change(r);
    space = space_;
    return r.limits.of_space(r.capabilities);
  });
  if (space) space->set_limits(bounds);
}

void Process::set_limit(LimitKind kind, Limit limit) {
  change_bounds([&](Resources& r) { r.limits[kind] = limit; });
}

Capabilities Process::capabilities() {
  return resources_.with([](Resources& r) { return r.capabilities; });
}
void Process::set_capabilities(const Capabilities& capabilities) {
  change_bounds([&](Resources& r) { r.capabilities = capabilities; });
}

/// What happened in a space before the process came (another's, after vfork) is not its own.
void Process::set_space(Ref<UserSpace> space) {
  MutexGuard guard(limit_changes);
  Usage own, others;
  if (space_) own = usage_in(*space_);
  if (space) {
    space->set_limits(limits().of_space(capabilities()));
    others = usage_in(*space);
  }
  resources_.with([&](Resources& r) {
    r.in_earlier_spaces.add(own);
    r.in_earlier_spaces.minor_faults -= others.minor_faults;
    r.in_earlier_spaces.major_faults -= others.major_faults;
    std::swap(space_, space);
  });
}

Usage Process::memory_usage() {
  Ref<UserSpace> space;
  Usage usage = resources_.with([&](Resources& r) {
    space = space_;
    return r.in_earlier_spaces;
  });
  if (space) usage.add(usage_in(*space));
  return usage;
}

}  // namespace meridian

// SPDX-License-Identifier: MIT
#include "kernel/tour/watch.h"

#include <arch/clock.h>
#include <arch/interrupts.h>
#include <arch/registers.h>

#include "kernel/syscall/syscall.h"

namespace meridian {
namespace {

/// A mark is madvise(start, size, MADV_NORMAL).
constexpr u64 kMadvise = 233, kExitGroup = 94;

/// A process at its mark, on its own stack.
struct Parked {
  Stop stop;
  bool is_seen = false, may_go = false;
  ListHook<Parked> hook;
};

struct State {
  List<Parked, &Parked::hook> parked;
  bool is_open = false;  // marks count
  u32 ended = 0;         // the last process that ended, since it was opened
};
constinit Locked<State> watched{};
constinit WaitQueue arrivals, departures;

/// The calling process stands here until it may go.
void park(const Syscall& call) {
  Parked me;
  me.stop.pages = {call.address(0), call.x[1]};
  me.stop.ttbr0 = arch::ttbr0().raw();
  me.stop.ttbr1 = arch::ttbr1().raw();
  me.stop.process = Ref<Process>(call.caller);
  me.stop.space = call.caller.share_space();
  arch::unmask_interrupts();
  const bool parked = watched.with([&](State& state) {
    if (state.is_open) state.parked.push_back(me);
    return state.is_open;
  });
  if (parked) {
    arrivals.wake_all();
    departures
        .wait(watched,
              [&](State& state) {
                if (state.is_open && !me.may_go) return false;
                state.parked.erase(me);
                return true;
              })
        .value();
    arrivals.wake_all();
  }
  arch::mask_interrupts();
}

void look(const Syscall& call) {
  const u64 number = static_cast<u32>(call.frame.x[8]);
  if (number == kMadvise && static_cast<Advice>(call.x[2]) == Advice::normal) return park(call);
  if (number != kExitGroup) return;
  watched.with([&](State& state) { state.ended = call.caller.pid(); });
  arrivals.wake_all();
}

u64 patience() { return arch::counter() + 30 * arch::counter_frequency(); }

}  // namespace

Watch::Watch() {
  watched.with([](State& state) {
    state.is_open = true;
    state.ended = 0;
  });
  observe_syscalls(look);
}

Watch::~Watch() {
  if (program_) finish();
  observe_syscalls(nullptr);
  watched.with([](State& state) { state.is_open = false; });
}

Result<void> Watch::start(std::string_view path) {
  ElfProblem problem;
  program_ = TRY(start_program(path, {}, problem));
  return {};
}

Result<Stop> Watch::next() {
  Stop stop;
  bool has_ended = false;
  const auto arrived = [&](State& state) {
    for (Parked* at = state.parked.front(); at != nullptr; at = state.parked.next(*at))
      if (!at->is_seen) {
        at->is_seen = true;
        stop = at->stop;
        return true;
      }
    has_ended = state.ended == program_->pid();
    return has_ended;
  };
  TRY(arrivals.wait(watched, arrived, {.deadline = patience()}));
  if (has_ended) return Error{Errc::not_found};
  return stop;
}

void Watch::go_on(const Stop& stop) {
  watched.with([&](State& state) {
    for (Parked* at = state.parked.front(); at != nullptr; at = state.parked.next(*at))
      if (at->stop.process == stop.process) at->may_go = true;
  });
  departures.wake_all();
}

ProcessEnd Watch::finish() {
  watched.with([](State& state) { state.is_open = false; });
  departures.wake_all();
  const Ref<Process> program = std::move(program_);
  return wait_for_end(*program);
}

std::optional<Stop> require_mark(Evidence& e, Watch& watch, std::string_view sentence) {
  Result<Stop> stop = watch.next();
  if (!e.require_value(stop, sentence)) return {};
  return stop.take();
}

void require_good_end(Evidence& e, Watch& watch) {
  const ProcessEnd end = watch.finish();
  e.require(end.exit_status() == 0, "and the program found its memory as it left it");
}

std::optional<Frame> frame_of(UserSpace& space, UserAddr page) {
  const Result<Translation> found = space.translate(page);
  if (!found.has_value()) return {};
  return Frame::containing(found.value().pa);
}

}  // namespace meridian

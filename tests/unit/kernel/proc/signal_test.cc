// SPDX-License-Identifier: MIT
/// Signals: sets, defaults, what is written for programs, and the queue, against Linux's own rules.
#include "kernel/proc/signal.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "fake_ram.h"
#include "mm/frames/failure_injection.h"
#include "mm/slab/kmalloc.h"
#include "mm/slab/slab.h"
#include "seed.h"

namespace meridian {
namespace {

TEST(SignalSet, IsTheWordThatProgramsPass) {
  EXPECT_EQ(SignalSet::of({kSighup, kSigkill, 64}).bits(), 0x8000'0000'0000'0101u);
  EXPECT_EQ(kUnblockable.bits(), 0x4'0100u);
  EXPECT_EQ((kUnblockable | SignalSet::of({kSigint})).first(), kSigint);
  EXPECT_EQ((kUnblockable - SignalSet::of({kSigkill})).first(), kSigstop);
  EXPECT_THROW((void)SignalSet().contains(0), std::logic_error);
  EXPECT_THROW((void)SignalSet().contains(65), std::logic_error);
}

/// As signal(7) lists them. ("Core" is terminate here: no core is ever written.)
TEST(SignalDefault, IsWhatTheManualSays) {
  const std::map<SignalDefault, SignalSet> listed = {
      {SignalDefault::ignore, SignalSet::of({17, 23, 28})},
      {SignalDefault::stop, SignalSet::of({19, 20, 21, 22})},
      {SignalDefault::resume, SignalSet::of({18})}};
  for (unsigned s = 1; s <= kMostSignals; ++s) {
    SignalDefault expected = SignalDefault::terminate;
    for (const auto& [what, signals] : listed)
      if (signals.contains(static_cast<Signal>(s))) expected = what;
    EXPECT_EQ(default_of(static_cast<Signal>(s)), expected) << s;
  }
  EXPECT_STREQ(name_of_signal(11), "SIGSEGV");
  EXPECT_STREQ(name_of_signal(31), "SIGSYS");
  EXPECT_STREQ(name_of_signal(32), "SIGRT");
}

template <typename T>
T at(const std::array<std::byte, kSigInfoSize>& wire, usize offset) {
  T value;
  std::memcpy(&value, wire.data() + offset, sizeof value);
  return value;
}

/// Offsets as the C compiler gives them for siginfo_t on arm64.
TEST(SignalInfo, IsLaidOutAsSiginfo) {
  const auto fault =
      to_wire({.signal = kSigsegv, .code = kSegvAccerr, .address = 0x1234'5678'9abc});
  EXPECT_EQ(at<i32>(fault, 0), 11);
  EXPECT_EQ(at<i32>(fault, 8), 2);
  EXPECT_EQ(at<u64>(fault, 16), 0x1234'5678'9abcu);

  const auto child = to_wire({.signal = kSigchld,
                              .code = kCldKilled,
                              .pid = 42,
                              .uid = 7,
                              .status = 9,
                              .utime = 3,
                              .stime = 4});
  EXPECT_EQ(at<u32>(child, 16), 42u);
  EXPECT_EQ(at<u32>(child, 20), 7u);
  EXPECT_EQ(at<i32>(child, 24), 9);
  EXPECT_EQ(at<u64>(child, 32), 3u);
  EXPECT_EQ(at<u64>(child, 40), 4u);

  const SignalInfo sent{
      .signal = 34, .code = kSiQueue, .error = 5, .pid = 6, .uid = 7, .value = 0xdead'beef};
  const auto queued = to_wire(sent);
  EXPECT_EQ(at<i32>(queued, 4), 5);
  EXPECT_EQ(at<u64>(queued, 24), 0xdead'beefu);
  EXPECT_EQ(from_wire(34, queued), sent);
  for (usize i = 48; i < kSigInfoSize; ++i) EXPECT_EQ(queued[i], std::byte{0});
}

/// A SIGSEGV that somebody sent has a sender, not an address.
TEST(SignalInfo, OfASentFaultSignalNamesTheSender) {
  const auto wire = to_wire({.signal = kSigsegv, .code = kSiUser, .pid = 12, .address = 99});
  EXPECT_EQ(at<u32>(wire, 16), 12u);
}

TEST(SignalAction, TellsWhatComesToNothing) {
  SignalAction action;
  EXPECT_TRUE(action.ignores(kSigchld));
  EXPECT_FALSE(action.ignores(kSigterm));
  action.handler = SignalAction::kIgnore;
  EXPECT_TRUE(action.ignores(kSigterm));
  EXPECT_FALSE(action.has_handler());
  action.handler = 0x1000;
  EXPECT_TRUE(action.has_handler());
  EXPECT_FALSE(action.ignores(kSigchld));
}

class Queue : public testing::Test {
 protected:
  Queue() : machine_(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 16_MiB}}) {}
  ~Queue() override {
    for (arch::fake_cpu = 0; arch::fake_cpu < arch::kMaxCpus; ++arch::fake_cpu) drain_slab_caches();
    arch::fake_cpu = 0;
    EXPECT_NO_THROW(close_kmalloc());
  }
  static SignalInfo info(Signal signal, u64 value = 0) {
    return {.signal = signal, .code = kSiQueue, .value = value};
  }
  static constexpr SignalSet kAll{~u64{0}};
  FakeMachine machine_;
};

TEST_F(Queue, AStandardSignalWaitsOnce) {
  SignalQueue queue;
  ASSERT_TRUE(queue.add(info(kSigusr1, 1), 0).has_value());
  ASSERT_TRUE(queue.add(info(kSigusr1, 2), 0).has_value());
  EXPECT_EQ(queue.take(kAll)->value, 1u) << "the first one counts";
  EXPECT_FALSE(queue.take(kAll).has_value());
}

TEST_F(Queue, RealtimeSignalsKeepTheirOrderUpToTheLimit) {
  SignalQueue queue;
  for (u64 i = 0; i < 3; ++i) ASSERT_TRUE(queue.add(info(40, i), 4).has_value());
  ASSERT_TRUE(queue.add(info(35, 9), 4).has_value());
  EXPECT_EQ(queue.add(info(50), 4).error().code, Errc::try_again);
  EXPECT_EQ(queue.take(kAll)->value, 9u) << "the lower number first";
  for (u64 i = 0; i < 3; ++i) EXPECT_EQ(queue.take(kAll)->value, i);
  EXPECT_TRUE(queue.pending().is_empty());
  EXPECT_EQ(queue.queued(), 0u);
}

TEST_F(Queue, FaultsComeBeforeWhatWasSent) {
  SignalQueue queue;
  ASSERT_TRUE(queue.add(info(kSighup), 0).has_value());
  ASSERT_TRUE(queue.add(info(kSigsegv), 0).has_value());
  EXPECT_EQ(queue.take(kAll - SignalSet::of({kSigsegv}))->signal, kSighup);
  ASSERT_TRUE(queue.add(info(kSighup), 0).has_value());
  EXPECT_EQ(queue.take(kAll)->signal, kSigsegv);
}

TEST_F(Queue, WithoutMemoryARealtimeSignalIsRefusedWhole) {
  SignalQueue queue;
  const FailAllocation failure(1);
  EXPECT_EQ(queue.add(info(40), 8).error().code, Errc::try_again);
  EXPECT_TRUE(queue.pending().is_empty());
  EXPECT_EQ(queue.queued(), 0u);
}

/// As kill(2) is on Linux: the signal comes, though nobody knows from whom.
TEST_F(Queue, OneFromKillIsNeverRefused) {
  SignalQueue queue;
  ASSERT_TRUE(queue.add(info(40, 7), 1).has_value());
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(queue.add({.signal = 41, .code = kSiUser, .pid = 5}, 1).has_value());
  ASSERT_TRUE(queue.add({.signal = 40, .code = kSiUser, .pid = 5}, 1).has_value());
  EXPECT_EQ(queue.queued(), 1u);
  EXPECT_EQ(queue.take(kAll)->value, 7u);
  EXPECT_EQ(queue.take(kAll), (SignalInfo{.signal = 41}));
  EXPECT_TRUE(queue.pending().is_empty());
}

/// Against a list that is searched from its start.
TEST_F(Queue, AgreesWithAPlainListAtRandom) {
  SignalQueue queue;
  std::vector<SignalInfo> model;
  std::mt19937_64 random(test_seed());
  for (int step = 0; step < 20'000; ++step) {
    const SignalSet wanted(random() | random());
    const Signal signal = static_cast<Signal>(random() % kMostSignals + 1);
    if (random() % 2 == 0) {
      const SignalInfo added = info(signal, step);
      bool waits = false;
      for (const SignalInfo& m : model) waits |= m.signal == signal;
      ASSERT_TRUE(queue.add(added, 1'000'000).has_value());
      if (signal >= 32 || !waits) model.push_back(added);
      continue;
    }
    auto best = model.end();
    const auto rank = [](Signal s) {
      return s + (s == 4 || s == 5 || s == 7 || s == 8 || s == 11 || s == 31 ? 0 : 100);
    };
    for (auto m = model.begin(); m != model.end(); ++m)
      if (wanted.contains(m->signal) &&
          (best == model.end() || rank(m->signal) < rank(best->signal)))
        best = m;
    const auto taken = queue.take(wanted);
    ASSERT_EQ(taken.has_value(), best != model.end());
    if (!taken.has_value()) continue;
    ASSERT_EQ(*taken, *best);
    model.erase(best);
  }
}

}  // namespace
}  // namespace meridian

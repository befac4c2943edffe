// SPDX-License-Identifier: MIT
/// Pipes: one thread at a time by literals, several by what has to come out at the other end.
#include "kernel/fs/pipe.h"

#include <atomic>
#include <deque>
#include <random>
#include <thread>

#include "fs_world.h"
#include "host_sleeper.h"
#include "mm/frames/failure_injection.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u64 kFull = 65536;

class PipeTest : public FsWorld {
 protected:
  static PipeEnds make(u32 flags = 0) { return make_pipe(OpenFlags(flags), fake_clock).take(); }
  static std::vector<std::byte> bytes(usize count, u8 value = 1) {
    return std::vector<std::byte>(count, std::byte{value});
  }
};

TEST_F(PipeTest, HoldsSixtyFourKibibytesAndThenWouldBlock) {
  const PipeEnds pipe = make(OpenFlags::kNonblock);
  auto buffer = bytes(100'000);
  EXPECT_EQ(error_of(pipe.read->read(buffer)), EAGAIN);
  EXPECT_EQ(pipe.write->write(bytes(100'000)).value(), kFull);
  EXPECT_EQ(error_of(pipe.write->write(bytes(1))), EAGAIN);
  EXPECT_EQ(pipe.read->read(std::span(buffer).first(100)).value(), 100u);
  EXPECT_EQ(error_of(pipe.write->write(bytes(101))), EAGAIN) << "in one piece or not at all";
  EXPECT_EQ(error_of(pipe.write->write(bytes(4096))), EAGAIN);
  EXPECT_EQ(pipe.write->write(bytes(4097)).value(), 100u) << "larger ones may be cut";
  EXPECT_EQ(pipe.read->read(buffer).value(), kFull);
  EXPECT_EQ(error_of(pipe.read->write(bytes(1))), EBADF);
  EXPECT_EQ(error_of(pipe.write->read(buffer)), EBADF);
  EXPECT_EQ(error_of(pipe.read->seek(0, Whence::set)), ESPIPE);
  EXPECT_EQ(error_of(pipe.read->read_at(0, buffer)), ESPIPE);
  EXPECT_EQ(error_of(pipe.write->write_at(0, buffer)), ESPIPE);
}

TEST_F(PipeTest, EndsWhenTheOtherEndIsGone) {
  PipeEnds pipe = make();
  auto buffer = bytes(10);
  EXPECT_EQ(pipe.write->write(bytes(3)).value(), 3u);
  pipe.write.reset();
  EXPECT_EQ(pipe.read->read(buffer).value(), 3u) << "what was written is still there";
  EXPECT_EQ(pipe.read->read(buffer).value(), 0u);
  PipeEnds other = make();
  other.read.reset();
  EXPECT_EQ(error_of(other.write->write(bytes(1))), EPIPE);
}

TEST_F(PipeTest, SaysWhatItIsReadyFor) {
  constexpr u32 kIn = 0x41, kOut = 0x104, kErr = 0x8, kHup = 0x10;
  PipeEnds pipe = make(OpenFlags::kNonblock);
  EXPECT_EQ(pipe.read->poll(), 0u);
  EXPECT_EQ(pipe.write->poll(), kOut);
  EXPECT_EQ(pipe.write->write(bytes(kFull - 4095)).value(), kFull - 4095);
  EXPECT_EQ(pipe.read->poll(), kIn);
  EXPECT_EQ(pipe.write->poll(), 0u) << "no room for an atomic write";
  pipe.write.reset();
  EXPECT_EQ(pipe.read->poll(), kIn | kHup);
  PipeEnds other = make();
  other.read.reset();
  EXPECT_EQ(other.write->poll(), kOut | kErr);
}

TEST_F(PipeTest, CanBeMadeLargerAndSmaller) {
  const PipeEnds ends = make(OpenFlags::kNonblock);
  Pipe& pipe = *ends.read->pipe();
  EXPECT_EQ(pipe.capacity(), kFull);
  // Across the ring's end: the first page then holds both its first and its last bytes.
  auto buffer = bytes(kFull);
  EXPECT_EQ(ends.write->write(bytes(100)).value(), 100u);
  EXPECT_EQ(ends.read->read(buffer).value(), 100u);
  std::vector<std::byte> numbered(kFull);
  for (usize i = 0; i < kFull; ++i) numbered[i] = static_cast<std::byte>(i % 251);
  EXPECT_EQ(ends.write->write(numbered).value(), kFull);
  EXPECT_EQ(pipe.resize(kFull + 1).value(), 2 * kFull);
  EXPECT_EQ(ends.read->read(buffer).value(), kFull);
  EXPECT_TRUE(buffer == numbered);
  EXPECT_EQ(ends.write->write(std::span(numbered).first(5000)).value(), 5000u);
  EXPECT_EQ(error_of(pipe.resize(4096)), EBUSY);
  EXPECT_EQ(pipe.resize(4097).value(), 8192u);
  EXPECT_EQ(error_of(pipe.resize((1 << 20) + 1)), EPERM);
  EXPECT_EQ(ends.read->read(std::span(buffer).first(5000)).value(), 5000u);
  EXPECT_EQ(std::memcmp(buffer.data(), numbered.data(), 5000), 0);
  EXPECT_EQ(pipe.resize(1).value(), 4096u);
}

TEST_F(PipeTest, HoldsWhatAQueueOfBytesHolds) {
  std::mt19937_64 random(test_seed() + 63);
  const PipeEnds pipe = make(OpenFlags::kNonblock);
  std::deque<std::byte> model;
  for (int i = 0; i < 2000; ++i) {
    auto piece = bytes(1 + random() % (random() % 4 == 0 ? 20'000 : 300));
    if (random() % 2 == 0) {
      for (std::byte& b : piece) b = static_cast<std::byte>(random());
      const u64 room = kFull - model.size();
      const Result<u64> written = pipe.write->write(piece);
      if (room == 0 || (piece.size() <= 4096 && room < piece.size())) {
        ASSERT_EQ(error_of(written), EAGAIN);
        continue;
      }
      // A large write stops before a last piece that is atomic and does not fit.
      ASSERT_LE(written.value(), std::min<u64>(room, piece.size()));
      ASSERT_GE(written.value() + (piece.size() > 4096 ? 4096 : 0),
                std::min<u64>(room, piece.size()));
      model.insert(model.end(), piece.begin(), piece.begin() + static_cast<long>(written.value()));
    } else if (model.empty()) {
      ASSERT_EQ(error_of(pipe.read->read(piece)), EAGAIN);
    } else {
      const u64 count = pipe.read->read(piece).value();
      ASSERT_EQ(count, std::min<u64>(model.size(), piece.size()));
      for (u64 b = 0; b < count; ++b, model.pop_front()) ASSERT_EQ(piece[b], model.front());
    }
  }
}

/// Four writers, each with records of its own size below PIPE_BUF: none is torn, none is lost.
TEST_F(PipeTest, RecordsOfManyWritersStayWhole) {
  PipeEnds pipe = make();
  constexpr usize kWriters = 4, kRecords = 300;
  constexpr usize kSizes[kWriters] = {16, 500, 3000, 4096};
  std::vector<std::thread> writers;
  for (usize w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] {
      auto record = bytes(kSizes[w], static_cast<u8>(w));
      for (usize i = 0; i < kRecords; ++i) ASSERT_EQ(pipe.write->write(record).value(), kSizes[w]);
    });
  std::array<usize, kWriters> seen{};
  const auto read_exactly = [&](std::span<std::byte> to) {
    while (!to.empty()) to = to.subspan(pipe.read->read(to).value());
  };
  for (usize i = 0; i < kWriters * kRecords; ++i) {
    auto first = bytes(1);
    read_exactly(first);
    const usize w = static_cast<usize>(first[0]);
    ASSERT_LT(w, kWriters);
    auto rest = bytes(kSizes[w] - 1, 0xff);
    read_exactly(rest);
    for (const std::byte b : rest) ASSERT_EQ(b, first[0]);
    ++seen[w];
  }
  for (std::thread& writer : writers) writer.join();
  for (const usize count : seen) EXPECT_EQ(count, kRecords);
}

TEST_F(PipeTest, WhoWaitsIsWokenByTheEndAndBySignals) {
  PipeEnds pipe = make();
  std::atomic<HostSleeper*> sleeper{nullptr};
  Result<u64> first = u64{9}, second = u64{9};
  std::thread reader([&] {
    sleeper = &this_host_sleeper();
    auto buffer = bytes(10);
    first = pipe.read->read(buffer);
    this_host_sleeper().forget_interrupt();
    second = pipe.read->read(buffer);
  });
  while (sleeper.load() == nullptr || sleeper.load()->sleeps() == 0) std::this_thread::yield();
  sleeper.load()->interrupt();
  while (sleeper.load()->sleeps() < 2) std::this_thread::yield();
  pipe.write.reset();
  reader.join();
  EXPECT_EQ(error_of(first), EINTR);
  EXPECT_EQ(second.value(), 0u);
}

TEST_F(PipeTest, APollerHearsOfEveryChange) {
  const PipeEnds a = make(), b = make();
  Poller poller;
  PollEntry entries[2];
  entries[0].join(*a.read->poll_queue(), poller);
  entries[1].join(*b.read->poll_queue(), poller);
  std::thread writer([&] { (void)b.write->write(bytes(1)); });
  while ((b.read->poll() & PollEvents::kIn) == 0) ASSERT_EQ(error_of(poller.wait({})), 0);
  writer.join();
  EXPECT_EQ(a.read->poll(), 0u);
}

TEST_F(PipeTest, ANamedPipeWaitsForItsOtherEnd) {
  ASSERT_EQ(error_of(make_at(start, "/fifo", {.type = InodeType::fifo, .permissions = 0600})), 0);
  EXPECT_EQ(error_of(open("/fifo", OpenFlags::kWriteOnly | OpenFlags::kNonblock)), ENXIO);
  EXPECT_EQ(error_of(open("/fifo", OpenFlags::kNonblock)), 0);
  std::string text;
  std::thread reader([&] { text = read_file("/fifo"); });
  {
    const auto end = open("/fifo", OpenFlags::kWriteOnly).take();
    EXPECT_EQ(end->write(bytes_of("hello")).value(), 5u);
  }
  reader.join();
  EXPECT_EQ(text, "hello");
}

/// A source of which only the first bytes are there.
class CutSource final : public ByteSource {
 public:
  CutSource(u64 size, u64 there) : ByteSource(size), there_(there) {}

 private:
  u64 do_take(std::span<std::byte> to) override {
    const u64 count = std::min(u64{to.size()}, there_ - done());
    std::fill_n(to.begin(), count, std::byte{9});
    return count;
  }
  void do_skip(u64) override {}
  u64 there_;
};

TEST_F(PipeTest, AnAtomicWriteThatCannotBeReadWholeIsNotMade) {
  const PipeEnds pipe = make(OpenFlags::kNonblock);
  CutSource record(4096, 4095);
  EXPECT_EQ(error_of(pipe.write->write(record)), EFAULT);
  EXPECT_EQ(pipe.read->pipe()->available(), 0u);
  CutSource more(10'000, 5000);
  EXPECT_EQ(pipe.write->write(more).value(), 5000u);
  EXPECT_EQ(pipe.read->pipe()->available(), 5000u);
  EXPECT_EQ(pipe.write->write(bytes(4096)).value(), 4096u) << "nobody is writing any more";
  auto buffer = bytes(10'000);
  EXPECT_EQ(pipe.read->read(buffer).value(), 9096u);
  EXPECT_EQ(buffer[4999], std::byte{9});
  EXPECT_EQ(buffer[5000], std::byte{1});
}

/// A sink that takes only the first bytes.
class CutSink final : public ByteSink {
 public:
  CutSink(u64 size, u64 there) : ByteSink(size), there_(there) {}

 private:
  u64 do_put(std::span<const std::byte> from) override {
    return std::min(u64{from.size()}, there_ - done());
  }
  u64 there_;
};

TEST_F(PipeTest, WhatAReaderCouldNotTakeIsStillThere) {
  const PipeEnds pipe = make(OpenFlags::kNonblock);
  EXPECT_EQ(pipe.write->write(bytes(6000)).value(), 6000u);
  CutSink nothing(100, 0);
  EXPECT_EQ(error_of(pipe.read->read(nothing)), EFAULT);
  CutSink some(6000, 4500);
  EXPECT_EQ(pipe.read->read(some).value(), 4500u);
  EXPECT_EQ(pipe.read->pipe()->available(), 1500u);
}

TEST_F(PipeTest, RunningOutOfMemoryAnywhereLosesNothing) {
  for (u64 nth = 1;; ++nth) {
    FailAllocation fail(nth);
    Result<PipeEnds> made = make_pipe(OpenFlags(OpenFlags::kNonblock), fake_clock);
    const Result<u64> written =
        made.has_value() ? made.value().write->write(bytes(4096, 7)) : Result<u64>(u64{0});
    if (!fail.has_fired()) {
      EXPECT_EQ(written.value(), 4096u);
      EXPECT_GT(nth, 5u);
      break;
    }
    count_injections("pipe");
    EXPECT_EQ(error_of(made) + error_of(written), ENOMEM);
    if (made.has_value()) {
      EXPECT_EQ(made.value().read->pipe()->available(), 0u);
    }
  }
}

}  // namespace
}  // namespace meridian

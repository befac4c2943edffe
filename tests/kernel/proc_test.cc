// SPDX-License-Identifier: MIT
/// /proc over real processes: what it says of one that stands still, and that it can be read while
/// others start, fork, run and end on other CPUs.
#include <atomic>

#include "kernel/fs/root.h"
#include "kernel/proc/proc_source.h"
#include "kernel/proc/scheduler.h"
#include "kernel/tour/watch.h"
#include "mm/frames/frames.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

/// Counts what is written, and keeps its end.
class Counter final : public Writer {
 public:
  void write(std::string_view text) override { size_ += text.size(); }
  usize size() const { return size_; }

 private:
  usize size_ = 0;
};

void read_everything(ProcSubject& process, Writer& out) {
  process.print_maps(out);
  process.print_smaps(out);
  process.print_limits(out);
  process.print_command_line(out);
  process.print_environment(out);
  process.print_aux_vector(out);
  print_status(out, process.status());
  print_stat(out, process.status());
  BufferWriter<256> path;
  (void)process.link(ProcSubject::Link::executable, path);
  for (std::optional<u32> fd = process.next_descriptor(0); fd;
       fd = process.next_descriptor(*fd + 1))
    (void)process.descriptor(*fd, path);
}

[[gnu::noinline]] void expect_maps(ProcSubject& process) {
  BufferWriter<800> text;
  process.print_maps(text);
  EXPECT_TRUE(text.text().starts_with("00400000-"));
  for (const std::string_view part :
       {" r-xp 00000000 00:", " /bin/demand\n", " [heap]\n", " [stack]\n"})
    EXPECT_TRUE(text.text().find(part) != std::string_view::npos);
}

/// A process that has come to its mark is about to sleep there.
void wait_until_asleep(Process& process) {
  const auto state = [&] {
    char letter = 0;
    (void)with_process(proc_source(), process.pid(),
                       [&](ProcSubject& subject) { letter = subject.status().state; });
    return letter;
  };
  while (state() == 'R') yield();
}

KERNEL_TEST(proc, SaysOfAProcessWhatItIs) {
  Watch watch;
  ASSERT_TRUE(watch.start("/bin/demand").has_value());
  const Result<Stop> stop = watch.next();
  ASSERT_TRUE(stop.has_value());
  wait_until_asleep(*stop.value().process);
  const u32 pid = stop.value().process->pid();
  const Result<void> looked = with_process(proc_source(), pid, [&](ProcSubject& process) {
    const ProcStatus status = process.status();
    const SpaceStats stats = stop.value().space->stats();
    EXPECT_TRUE(status.name == "demand");
    EXPECT_EQ(status.process, pid);
    EXPECT_EQ(status.parent, 0u);
    EXPECT_EQ(status.state, 'D');  // it stands at its mark
    EXPECT_EQ(status.resident, stats.resident() << kPageShift);
    EXPECT_EQ(status.minor_faults, stats.minor_faults);
    EXPECT_TRUE(status.tables >= kPageSize && status.text != 0 && status.stack != 0);

    expect_maps(process);
    BufferWriter<64> line;
    process.print_command_line(line);
    EXPECT_TRUE(line.text() == std::string_view("/bin/demand\0", 12));
    BufferWriter<64> path;
    EXPECT_TRUE(process.link(ProcSubject::Link::executable, path).has_value());
    EXPECT_TRUE(path.text() == "/bin/demand");
    path.clear();
    EXPECT_TRUE(process.descriptor(1, path).has_value());
    EXPECT_TRUE(path.text() == "/dev/console");
    EXPECT_TRUE(!process.descriptor(7, path).has_value());
  });
  EXPECT_OK(looked);
  EXPECT_EQ(watch.finish().exit_status(), 0);
}

/// What smaps counts is what the space has counted.
KERNEL_TEST(proc, ThePagesOfAllMappingsAreTheResidentSet) {
  Watch watch;
  ASSERT_TRUE(watch.start("/bin/private").has_value());
  const Result<Stop> a = watch.next(), b = watch.next();
  ASSERT_TRUE(a.has_value() && b.has_value());
  UserSpace& space = *a.value().space;
  u64 resident = 0, shared = 0;
  for (std::optional<VmaView> vma = space.vma_above(UserAddr(0)); vma;
       vma = space.vma_above(vma->range.end())) {
    const PageCounts counts = space.count_pages(vma->range);
    resident += counts.resident;
    shared += counts.shared;
    EXPECT_TRUE(counts.anonymous + counts.shared <= 2 * counts.resident);
    EXPECT_TRUE(counts.part <= counts.resident << kPageShift);
  }
  EXPECT_EQ(resident, space.stats().resident());
  EXPECT_TRUE(shared != 0);  // its text, and what neither has written since the fork
  EXPECT_EQ(watch.finish().exit_status(), 0);
}

struct Readers {
  std::atomic<bool> stop{false};
  std::atomic<u64> processes{0}, bytes{0};
};
constinit Readers readers{};

void read_until_told(void*) {
  while (!readers.stop.load()) {
    ProcSource& source = proc_source();
    for (u64 pid = source.next(1); pid != 0; pid = source.next(pid + 1)) {
      Counter out;
      (void)with_process(source, pid, [&](ProcSubject& p) { read_everything(p, out); });
      readers.processes.fetch_add(1);
      readers.bytes.fetch_add(out.size());
    }
    yield();
  }
}

constexpr u64 kRuns = 20;  // of two processes each

void fork_often() {
  ElfProblem problem;
  for (u64 i = 0; i < kRuns; ++i) {
    const Result<ProcessEnd> end = run_program("/bin/cow", {}, problem);
    EXPECT_TRUE(end.has_value() && end.value().exit_status() == 0);
  }
}

/// Frames that processes have, and that are theirs alone to give back.
u64 frames_of_processes() {
  const FrameStats stats = frame_stats();
  return stats.by_owner[static_cast<usize>(FrameOwner::user)] +
         stats.by_owner[static_cast<usize>(FrameOwner::page_cache)];
}

void fork_often_and_read() {
  readers.stop = false;
  std::array<Ref<Thread>, 2> threads;
  for (Ref<Thread>& thread : threads)
    thread = start_thread("reader", read_until_told, nullptr).take();
  fork_often();
  readers.stop = true;
  for (Ref<Thread>& thread : threads) thread->join();
}

KERNEL_TEST(proc, CanBeReadWhileProcessesComeAndGo) {
  EXPECT_OK(root_directory());
  fork_often_and_read();  // what is made once is made
  const u64 before = frames_of_processes();
  fork_often_and_read();
  EXPECT_EQ(frames_of_processes(), before);
  EXPECT_EQ(proc_source().next(1), 0u);
  if (running_cpus() > 1) EXPECT_TRUE(readers.processes.load() != 0 && readers.bytes.load() != 0);
}

}  // namespace
}  // namespace meridian

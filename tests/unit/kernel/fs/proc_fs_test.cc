// SPDX-License-Identifier: MIT
/// procfs, and what it says of processes against lines that Linux 6.1 printed.
#include "kernel/fs/proc_fs.h"

#include "fs_world.h"
#include "mm/frames/failure_injection.h"
#include "tally.h"
#include "text_writer.h"

namespace meridian {
namespace {

TEST(ProcFormat, MapsLinesAreLinuxs) {
  TextWriter out;
  print_maps_line(out, {.start = 0x400000,
                        .end = 0x5b3000,
                        .read = true,
                        .execute = true,
                        .device = 2,
                        .inode = 528,
                        .name = "/bin/busybox"});
  print_maps_line(out,
                  {.start = 0x5d3000, .end = 0x5da000, .read = true, .write = true, .name = {}});
  print_maps_line(
      out, {.start = 0x29ddb000, .end = 0x29dfd000, .read = true, .write = true, .name = "[heap]"});
  print_maps_line(out, {.start = 0xaaaaac18e000,
                        .end = 0xaaaaac190000,
                        .read = true,
                        .offset = 0x1e000,
                        .device = 2,
                        .inode = 526,
                        .name = "/bin/dash"});
  EXPECT_EQ(
      out.text,
      "00400000-005b3000 r-xp 00000000 00:02 528                                /bin/busybox\n"
      "005d3000-005da000 rw-p 00000000 00:00 0 \n"
      "29ddb000-29dfd000 rw-p 00000000 00:00 0                                  [heap]\n"
      "aaaaac18e000-aaaaac190000 r--p 0001e000 00:02 526                        /bin/dash\n");
}

TEST(ProcFormat, StatIsLinuxs) {
  TextWriter out;
  print_stat(out, {.name = "busybox",
                   .thread = 36,
                   .process = 36,
                   .parent = 1,
                   .minor_faults = 60,
                   .start_time = 586,
                   .size = 2203648,
                   .resident = 4096,
                   .code_start = 4194304,
                   .code_end = 5972170,
                   .data_start = 6068304,
                   .data_end = 6104344,
                   .heap_start = 723922944,
                   .stack_start = 281474717873744,
                   .arguments_start = 281474717876060,
                   .arguments_end = 281474717876110,
                   .environment_start = 281474717876110,
                   .environment_end = 281474717876203});
  EXPECT_EQ(out.text,
            "36 (busybox) R 1 0 0 0 -1 4194304 60 0 0 0 0 0 0 0 20 0 1 0 586 2203648 1 "
            "18446744073709551615 4194304 5972170 281474717873744 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 "
            "6068304 6104344 723922944 281474717876060 281474717876110 281474717876110 "
            "281474717876203 0\n");
}

TEST(ProcFormat, StatmIsLinuxs) {
  TextWriter out;
  print_statm(out, {.name = {},
                    .size = 538 * 4096,
                    .resident = 323 * 4096,
                    .resident_file = 310 * 4096,
                    .data = 60 * 4096,
                    .stack = 33 * 4096,
                    .text = 435 * 4096});
  EXPECT_EQ(out.text, "538 323 310 435 0 93 0\n");
}

TEST(ProcFormat, SmapsIsLinuxs) {
  TextWriter out;
  print_usage(out, {.start = 0x400000, .end = 0x5b3000, .name = {}},
              {.resident = 1152 << 10,
               .part = 576 << 10,
               .shared = 1152 << 10,
               .flags = "rd ex mr mw me "});
  EXPECT_EQ(
      out.text,
      "Size:               1740 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"
      "Rss:                1152 kB\nPss:                 576 kB\n"
      "Pss_Dirty:           576 kB\nShared_Clean:          0 kB\n"
      "Shared_Dirty:       1152 kB\nPrivate_Clean:         0 kB\n"
      "Private_Dirty:         0 kB\nReferenced:         1152 kB\n"
      "Anonymous:             0 kB\nLazyFree:              0 kB\n"
      "AnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\n"
      "FilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\n"
      "Private_Hugetlb:       0 kB\nSwap:                  0 kB\n"
      "SwapPss:               0 kB\nLocked:                0 kB\n"
      "THPeligible:    0\nVmFlags: rd ex mr mw me \n");
}

TEST(ProcFormat, LimitsAreLinuxs) {
  std::array<ProcLimit, kProcLimits> limits;
  limits[3].soft = 8388608;
  limits[4].soft = 0;
  limits[6] = limits[11] = {7044, 7044};
  limits[7] = {1024, 4096};
  limits[8] = {8388608, 8388608};
  limits[12] = {819200, 819200};
  limits[13] = limits[14] = {0, 0};
  TextWriter out;
  print_limits(out, limits);
  EXPECT_EQ(out.text,
            "Limit                     Soft Limit           Hard Limit           Units     \n"
            "Max cpu time              unlimited            unlimited            seconds   \n"
            "Max file size             unlimited            unlimited            bytes     \n"
            "Max data size             unlimited            unlimited            bytes     \n"
            "Max stack size            8388608              unlimited            bytes     \n"
            "Max core file size        0                    unlimited            bytes     \n"
            "Max resident set          unlimited            unlimited            bytes     \n"
            "Max processes             7044                 7044                 processes \n"
            "Max open files            1024                 4096                 files     \n"
            "Max locked memory         8388608              8388608              bytes     \n"
            "Max address space         unlimited            unlimited            bytes     \n"
            "Max file locks            unlimited            unlimited            locks     \n"
            "Max pending signals       7044                 7044                 signals   \n"
            "Max msgqueue size         819200               819200               bytes     \n"
            "Max nice priority         0                    0                    \n"
            "Max realtime priority     0                    0                    \n"
            "Max realtime timeout      unlimited            unlimited            us        \n");
}

/// But for the lines about speculation, which is nobody's business here, and transparent huge
/// pages, which there are none of.
TEST(ProcFormat, StatusIsLinuxs) {
  TextWriter out;
  print_status(out, {.name = "busybox",
                     .thread = 34,
                     .process = 34,
                     .parent = 1,
                     .descriptors = 64,
                     .size = 2152 << 10,
                     .peak_size = 2152 << 10,
                     .resident = 4 << 10,
                     .peak_resident = 4 << 10,
                     .resident_anonymous = 4 << 10,
                     .data = 240 << 10,
                     .stack = 132 << 10,
                     .text = 1740 << 10,
                     .library = 4 << 10,
                     .tables = 36 << 10,
                     .most_queued_signals = 7044,
                     .capabilities = 0x01ff'ffff'ffff,
                     .effective = 0x01ff'ffff'ffff,
                     .involuntary_switches = 3});
  EXPECT_EQ(out.text,
            "Name:\tbusybox\nUmask:\t0022\nState:\tR (running)\nTgid:\t34\nNgid:\t0\nPid:\t34\n"
            "PPid:\t1\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\n"
            "Groups:\t \nVmPeak:\t    2152 kB\nVmSize:\t    2152 kB\nVmLck:\t       0 kB\n"
            "VmPin:\t       0 kB\nVmHWM:\t       4 kB\nVmRSS:\t       4 kB\n"
            "RssAnon:\t       4 kB\nRssFile:\t       0 kB\nRssShmem:\t       0 kB\n"
            "VmData:\t     240 kB\nVmStk:\t     132 kB\nVmExe:\t    1740 kB\nVmLib:\t       4 kB\n"
            "VmPTE:\t      36 kB\nVmSwap:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\n"
            "Threads:\t1\nSigQ:\t0/7044\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"
            "CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n"
            "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n"
            "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\n"
            "nonvoluntary_ctxt_switches:\t3\n");
}

/// Two processes, of which 7 asks.
class FakeProcesses final : public ProcSource, public ProcSubject {
 public:
  u64 self() override { return 7; }
  u64 next(u64 pid) override { return pid <= 7 ? 7 : pid <= 1234 ? 1234 : 0; }
  Result<void> visit(u64 pid, void (*visit)(void*, ProcSubject&), void* context) override {
    if (pid != 7 && pid != 1234) return Error{Errc::not_found};
    subject = pid;
    visit(context, *this);
    return {};
  }

  ProcStatus status() override { return {.name = its_name, .process = subject}; }
  void print_maps(Writer& out) override { out.write("maps\n"); }
  void print_smaps(Writer&) override {}
  void print_limits(Writer&) override {}
  void print_aux_vector(Writer&) override {}
  void print_mounts(Writer&) override {}
  i64 oom_adjustment() override { return adjustment; }
  Result<void> set_oom_adjustment(i64 value) override {
    adjustment = value;
    return {};
  }
  void set_name(std::string_view name) override { its_name = name; }
  u64 next_thread(u64 tid) override { return tid <= subject ? subject : 0; }
  void print_command_line(Writer& out) override { out.write({"sh\0-c\0", 6}); }
  void print_environment(Writer&) override {}
  Result<Ref<Inode>> link(Link, Writer& path) override {
    path.write("/f");
    return file;
  }
  Result<Ref<Inode>> descriptor(u32 fd, Writer& path) override {
    if (fd != 3) return Error{Errc::not_found};
    return link(Link::root, path);
  }
  std::optional<u32> next_descriptor(u32 fd) override {
    return fd <= 3 ? std::optional<u32>(3) : std::nullopt;
  }

  u64 subject = 0;
  i64 adjustment = 0;
  std::string its_name = "sh";
  Ref<Inode> file;
};

int times_printed = 0;
constexpr ProcFile kFiles[] = {
    {"meminfo", [](Writer& out) { print(out, "printed {}\n", ++times_printed); }},
    {"sys/kernel/ostype", [](Writer& out) { out.write("Linux\n"); }},
    {"sys/kernel/pid_max", [](Writer& out) { out.write("32768\n"); }},
    {"sys/vm/overcommit_memory", [](Writer& out) { out.write("0\n"); }},
    {"uptime",
     [](Writer& out) {
       for (int i = 0; i < 1000; ++i) out.write("0123456789");
     }},
};

class ProcFsTest : public FsWorld {
 protected:
  ProcFsTest() {
    write_file("/f", "contents");
    processes.file = look_up(start, "/f").take();
    EXPECT_EQ(error_of(mkdir("/proc")), 0);
    proc = make_proc_fs(fake_clock, kFiles, &processes).take();
    EXPECT_EQ(error_of(look_up(start, "/proc").value()->as_directory()->mount(*proc)), 0);
  }
  ~ProcFsTest() override {
    EXPECT_EQ(error_of(proc->unmount()), 0);
    proc.reset();
    processes.file.reset();
  }

  FakeProcesses processes;
  Ref<Directory> proc;
};

TEST_F(ProcFsTest, PathsOfTheTableAreFilesInDirectories) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(list("/proc"), (Names{".", "..", "meminfo", "sys", "uptime", "self", "7", "1234"}));
  EXPECT_EQ(list("/proc", 32), list("/proc")) << "one entry a call";
  EXPECT_EQ(list("/proc/sys"), (Names{".", "..", "kernel", "vm"}));
  EXPECT_EQ(list("/proc/sys/kernel"), (Names{".", "..", "ostype", "pid_max"}));
  EXPECT_EQ(read_file("/proc/sys/kernel/pid_max"), "32768\n");
  EXPECT_EQ(read_file("/proc/sys/vm/../kernel/ostype"), "Linux\n");
  EXPECT_EQ(stat("/proc/sys/..").value().inode, stat("/proc").value().inode);
  EXPECT_EQ(stat("/proc/..").value().inode, stat("/").value().inode);
  EXPECT_EQ(stat("/proc/meminfo").value().inode, stat("/proc/meminfo").value().inode);
  EXPECT_EQ(error_of(stat("/proc/sys/kernel/none")), ENOENT);
  EXPECT_EQ(error_of(stat("/proc/none")), ENOENT);
  EXPECT_EQ(error_of(stat("/proc/meminfo/x")), ENOTDIR);
  EXPECT_EQ(error_of(stat("/proc/99")), ENOENT);
  char buffer[64];
  EXPECT_EQ(path_of(start.root, directory_of(look_up(start, "/proc/sys/vm").take()).take(), buffer)
                .value(),
            "/proc/sys/vm");
}

TEST_F(ProcFsTest, AFileSaysWhatWasSoWhenItWasOpened) {
  times_printed = 0;
  const auto file = open("/proc/meminfo").take();
  EXPECT_EQ(read_file("/proc/meminfo"), "printed 2\n");
  EXPECT_EQ(read_all(*file), "printed 1\n");
  EXPECT_EQ(file->seek(8, Whence::set).value(), 8u);
  EXPECT_EQ(read_all(*file), "1\n");
  EXPECT_EQ(read_file("/proc/uptime").size(), 10'000u);
  EXPECT_EQ(error_of(open("/proc/meminfo", OpenFlags::kReadWrite)), EACCES);
  EXPECT_EQ(error_of(open("/proc/new", OpenFlags::kCreate)), EPERM);
  EXPECT_EQ(error_of(mkdir("/proc/new")), EPERM);
  EXPECT_EQ(error_of(unlink("/proc/meminfo")), EPERM);
}

TEST_F(ProcFsTest, ProcessesHaveDirectories) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(list("/proc/7"), (Names{".", "..", "auxv", "cmdline", "comm", "environ", "limits",
                                    "maps", "mounts", "oom_score_adj", "smaps", "stat", "statm",
                                    "status", "cwd", "exe", "root", "fd", "task"}));
  EXPECT_EQ(list("/proc/1234/fd"), (Names{".", "..", "3"}));
  EXPECT_EQ(read_file("/proc/self/comm"), "sh\n");
  EXPECT_EQ(read_file("/proc/1234/stat").substr(0, 11), "1234 (sh) R");
  EXPECT_EQ(read_file("/proc/7/cmdline"), std::string("sh\0-c\0", 6));
  EXPECT_EQ(look_up(start, "/proc/self", FollowLast::no).value()->as_symbolic_link()->target(),
            "7");
  EXPECT_EQ(look_up(start, "/proc/7/exe", FollowLast::no).value()->as_symbolic_link()->target(),
            "/f");
  EXPECT_EQ(error_of(unlink("/f")), 0);
  EXPECT_EQ(read_file("/proc/self/exe"), "contents") << "it leads to the file, not to its path";
  EXPECT_EQ(read_file("/proc/self/fd/3"), "contents");
  EXPECT_EQ(error_of(open("/proc/self/fd/4")), ENOENT);
  EXPECT_EQ(error_of(open("/proc/self/fd/x")), ENOENT);
  EXPECT_EQ(error_of(open("/proc/self/exe", OpenFlags::kNoFollow)), ELOOP);
}

TEST_F(ProcFsTest, AThreadHasADirectoryLikeItsProcess) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(list("/proc/1234/task"), (Names{".", "..", "1234"}));
  Names expected = list("/proc/1234");
  expected.pop_back();
  EXPECT_EQ(list("/proc/1234/task/1234"), expected) << "all but another task";
  EXPECT_EQ(read_file("/proc/self/task/7/stat").substr(0, 8), "7 (sh) R");
  EXPECT_NE(stat("/proc/7/task/7").value().inode, stat("/proc/7").value().inode);
  EXPECT_EQ(error_of(stat("/proc/7/task/8")), ENOENT);
  EXPECT_EQ(error_of(stat("/proc/7/task/0")), ENOENT);
  EXPECT_EQ(error_of(stat("/proc/7/task/7/task")), ENOENT);
}

TEST_F(ProcFsTest, SomeFilesOfAProcessCanBeWritten) {
  write_file("/proc/7/oom_score_adj", "-17\n");
  EXPECT_EQ(processes.adjustment, -17);
  EXPECT_EQ(read_file("/proc/7/oom_score_adj"), "-17\n");
  write_file("/proc/self/comm", "dash");
  EXPECT_EQ(read_file("/proc/7/comm"), "dash\n");
  const auto file =
      open("/proc/7/oom_score_adj", OpenFlags::kReadWrite | OpenFlags::kTruncate).take();
  for (const char* wrong : {"1001", "-1001", "x", "", "--1"})
    EXPECT_EQ(error_of(file->write(bytes_of(wrong))), EINVAL) << wrong;
  EXPECT_EQ(processes.adjustment, -17);
  EXPECT_EQ(error_of(open("/proc/7/stat", OpenFlags::kReadWrite)), EACCES);
}

TEST_F(ProcFsTest, RunningOutOfMemoryAnywhereIsAnError) {
  for (const char* path : {"/proc/uptime", "/proc/self/maps", "/proc/self/fd/3"})
    for (u64 nth = 1;; ++nth) {
      SCOPED_TRACE(testing::Message() << path << ' ' << nth);
      FailAllocation fail(nth);
      const auto file = open(path);
      if (!fail.has_fired()) {
        EXPECT_EQ(error_of(file), 0);
        EXPECT_GT(nth, 2u);
        break;
      }
      count_injections("procfs");
      EXPECT_EQ(error_of(file), ENOMEM);
    }
}

}  // namespace
}  // namespace meridian

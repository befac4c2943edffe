// SPDX-License-Identifier: MIT
/// Every call that may allocate, with each of its allocations failing in turn: the first, then the second, until it
/// needs no more. It may do without, or say ENOMEM (EAGAIN, of a fork; ENOSPC, of a file; ENOLCK, of a lock); it does nothing by halves. Who makes
/// allocations fail is the kernel's test (tests/kernel/starve_test.cc), told by a call that nobody else makes.
#include "siege.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

/// The next call's `nth` allocation fails (0: none). Did the last such one?
static int starve(uint64_t nth) {
  const uint64_t x[6] = {0, nth, 0x57a12e0ddba11};
  return (int)call(SYS_getppid, x);
}

static char* page;     // two pages, of which the second is never touched
static char file[] = "/tmp/starve/file", other[] = "/tmp/starve/other";
static int directory;  // /tmp/starve
static int open_file;  // file, and a few bytes in it
static uint64_t own_pid;

#define CALL(...) call_with((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)
static long call_with(const uint64_t* words, size_t count) {
  uint64_t x[6] = {0};
  for (size_t i = 1; i < count; ++i) x[i - 1] = words[i];
  return call((long)words[0], x);
}
#define AT(pointer) ((uint64_t)(uintptr_t)(pointer))

static void close_it(long fd) { CALL(SYS_close, (uint64_t)fd); }
static void unlink_other(long result) {
  (void)result;
  unlink(other);
}
static void close_and_unlink(long fd) {
  close_it(fd);
  unlink(other);
}

static long do_open(void) { return CALL(SYS_openat, (uint64_t)AT_FDCWD, AT("/bin/quiet"), O_RDONLY); }
static long do_create(void) { return CALL(SYS_openat, (uint64_t)AT_FDCWD, AT(other), O_RDWR | O_CREAT, 0644); }
static long do_open_proc(void) { return CALL(SYS_openat, (uint64_t)AT_FDCWD, AT("/proc/self/maps"), O_RDONLY); }
static long do_open_directory(void) { return CALL(SYS_openat, (uint64_t)AT_FDCWD, AT("/tmp"), O_RDONLY | O_DIRECTORY); }
static long do_mkdir(void) { return CALL(SYS_mkdirat, (uint64_t)AT_FDCWD, AT(other), 0755); }
static void undo_mkdir(long result) {
  (void)result;
  rmdir(other);
}
static long do_symlink(void) { return CALL(SYS_symlinkat, AT("target"), (uint64_t)AT_FDCWD, AT(other)); }
static long do_link(void) { return CALL(SYS_linkat, (uint64_t)AT_FDCWD, AT(file), (uint64_t)AT_FDCWD, AT(other), 0); }
static long do_fifo(void) { return CALL(SYS_mknodat, (uint64_t)AT_FDCWD, AT(other), S_IFIFO | 0600, 0); }
static long do_rename(void) {
  return CALL(SYS_renameat2, (uint64_t)AT_FDCWD, AT(file), (uint64_t)AT_FDCWD, AT(other), 0);
}
static void undo_rename(long result) {
  (void)result;
  rename(other, file);
}
static long do_mount(void) { return CALL(SYS_mount, AT("x"), AT("/tmp/starve"), AT("tmpfs"), 0, 0); }
static void undo_mount(long result) {
  (void)result;
  if (CALL(SYS_umount2, AT("/tmp/starve"), 0) != 0) complain("umount2");
}
static long do_unlink(void) { return CALL(SYS_unlinkat, (uint64_t)AT_FDCWD, AT(other), 0); }
static void before_unlink(void) { close(open(other, O_RDWR | O_CREAT, 0644)); }
static int ends[2];
static long do_pipe(void) { return CALL(SYS_pipe2, AT(ends), 0); }
static void undo_pipe(long result) {
  (void)result;
  close(ends[0]);
  close(ends[1]);
}
static long do_dup(void) { return CALL(SYS_dup3, 1, 700, 0); }
static long do_fcntl(void) { return CALL(SYS_fcntl, 1, F_DUPFD, 600); }
static struct flock record = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};
static long do_record_lock(void) { return CALL(SYS_fcntl, (uint64_t)open_file, F_SETLK, AT(&record)); }
static void undo_record_lock(long result) {
  (void)result;
  struct flock all = {.l_type = F_UNLCK};
  if (fcntl(open_file, F_SETLK, &all) != 0) complain("no unlock");
}
static long do_memfd(void) { return CALL(SYS_memfd_create, AT("name"), 0); }
static long do_write(void) { return CALL(SYS_pwrite64, (uint64_t)open_file, AT("bytes"), 5, 1 << 20); }
static void undo_write(long result) {
  (void)result;
  if (ftruncate(open_file, 5) != 0) complain("ftruncate");
}
static long do_truncate(void) { return CALL(SYS_ftruncate, (uint64_t)open_file, 3 << 20); }
static long do_read(void) { return CALL(SYS_pread64, (uint64_t)open_file, AT(page), 5, 0); }
static long do_list(void) { return CALL(SYS_getdents64, (uint64_t)directory, AT(page), 512); }
static void undo_list(long result) {
  (void)result;
  lseek(directory, 0, SEEK_SET);
}
static long do_stat(void) { return CALL(SYS_newfstatat, (uint64_t)AT_FDCWD, AT(file), AT(page), 0); }
static long do_chdir(void) { return CALL(SYS_chdir, AT("/tmp/starve")); }
static long do_getcwd(void) { return CALL(SYS_getcwd, AT(page), 512); }
static long do_poll(void) {
  static struct pollfd files[2] = {{1, POLLOUT, 0}, {2, POLLOUT, 0}};
  static const struct timespec none;
  return CALL(SYS_ppoll, AT(files), 2, AT(&none), 0, 8);
}

static const size_t kSize = 64 << 12;
static long do_map(void) {
  return CALL(SYS_mmap, 0, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, (uint64_t)-1, 0);
}
static void undo_map(long result) { munmap((void*)result, kSize); }
static long do_map_shared(void) {
  return CALL(SYS_mmap, 0, kSize, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, (uint64_t)-1, 0);
}
static long do_map_file(void) { return CALL(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, (uint64_t)open_file, 0); }
static void undo_map_file(long result) { munmap((void*)result, 4096); }
static char* area;
static void before_area(void) {
  area = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  area[0] = area[kSize - 1] = 1;
}
static void undo_area(long result) {
  (void)result;
  munmap(area, kSize);
}
static long do_unmap_middle(void) { return CALL(SYS_munmap, AT(area) + 8 * 4096, 4096); }
static long do_protect_middle(void) { return CALL(SYS_mprotect, AT(area) + 8 * 4096, 4096, PROT_READ); }
static long do_populate(void) { return CALL(SYS_madvise, AT(area), kSize, 23); }
static long do_lock(void) { return CALL(SYS_mlock, AT(area), kSize); }
static long do_move(void) { return CALL(SYS_mremap, AT(area), kSize, 2 * kSize, MREMAP_MAYMOVE); }
static void undo_move(long result) {
  if (result < 0)
    munmap(area, kSize);
  else
    munmap((void*)result, 2 * kSize);
}
static uint64_t break_before;
static void before_break(void) { break_before = (uint64_t)sbrk(0); }
/// It tells where the break is, whatever happened: an unchanged one is its ENOMEM.
static long do_break(void) {
  const long now = CALL(SYS_brk, break_before + (1 << 20));
  return (uint64_t)now == break_before ? -ENOMEM : now;
}
static void undo_break(long result) {
  (void)result;
  CALL(SYS_brk, break_before);
}

static long do_fork(void) {
  const long child = CALL(SYS_clone, SIGCHLD);
  if (child == 0) _exit(0);
  return child;
}
static void undo_fork(long child) { waitpid((pid_t)child, NULL, 0); }
/// The child has its parent's memory, so it uses none.
static long do_share(void) {
  register uint64_t x0 asm("x0") = CLONE_VM | SIGCHLD;
  register uint64_t x1 asm("x1") = AT(page) + 4096;
  register uint64_t x8 asm("x8") = SYS_clone;
  asm volatile("svc #0\n cbnz x0, 1f\n mov x8, #93\n svc #0\n1:" : "+r"(x0), "+r"(x8) : "r"(x1) : "memory");
  return (long)x0;
}
/// execve() in a child, which says with its status what it answered.
static long do_exec(void) {
  static char* const arguments[] = {"quiet", "7", NULL};
  return CALL(SYS_execve, AT("/bin/quiet"), AT(arguments), AT(arguments));
}

static long do_queue(void) {
  siginfo_t info = {.si_code = SI_QUEUE};
  return CALL(SYS_rt_sigqueueinfo, own_pid, SIGRTMIN + 1, AT(&info));
}
static void undo_queue(long result) {
  static const struct timespec none;
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGRTMIN + 1);
  (void)result;
  sigtimedwait(&one, NULL, &none);
}
static long do_random(void) { return CALL(SYS_getrandom, AT(page), 1000, 0); }
static long do_uname(void) { return CALL(SYS_uname, AT(page)); }

static const struct {
  const char* name;
  long (*act)(void);
  void (*undo)(long result);  // after a success
  void (*before)(void);       // and then undo() comes after a failure, too
} kCases[] = {
    {"openat", do_open, close_it, NULL},
    {"openat(O_CREAT)", do_create, close_and_unlink, NULL},
    {"openat(/proc)", do_open_proc, close_it, NULL},
    {"openat(directory)", do_open_directory, close_it, NULL},
    {"mkdirat", do_mkdir, undo_mkdir, NULL},
    {"symlinkat", do_symlink, unlink_other, NULL},
    {"linkat", do_link, unlink_other, NULL},
    {"mknodat", do_fifo, unlink_other, NULL},
    {"renameat2", do_rename, undo_rename, NULL},
    {"unlinkat", do_unlink, unlink_other, before_unlink},
    {"mount", do_mount, undo_mount, NULL},
    {"pipe2", do_pipe, undo_pipe, NULL},
    {"dup3", do_dup, close_it, NULL},
    {"fcntl", do_fcntl, close_it, NULL},
    {"fcntl(F_SETLK)", do_record_lock, undo_record_lock, NULL},
    {"memfd_create", do_memfd, close_it, NULL},
    {"pwrite64", do_write, undo_write, NULL},
    {"ftruncate", do_truncate, undo_write, NULL},
    {"pread64", do_read, NULL, NULL},
    {"getdents64", do_list, undo_list, NULL},
    {"newfstatat", do_stat, NULL, NULL},
    {"chdir", do_chdir, NULL, NULL},
    {"getcwd", do_getcwd, NULL, NULL},
    {"ppoll", do_poll, NULL, NULL},
    {"mmap", do_map, undo_map, NULL},
    {"mmap(shared)", do_map_shared, undo_map, NULL},
    {"mmap(file)", do_map_file, undo_map_file, NULL},
    {"munmap", do_unmap_middle, undo_area, before_area},
    {"mprotect", do_protect_middle, undo_area, before_area},
    {"madvise", do_populate, undo_area, before_area},
    {"mlock", do_lock, undo_area, before_area},
    {"mremap", do_move, undo_move, before_area},
    {"brk", do_break, undo_break, before_break},
    {"clone", do_fork, undo_fork, NULL},
    {"clone(CLONE_VM)", do_share, undo_fork, NULL},
    {"rt_sigqueueinfo", do_queue, undo_queue, NULL},
    {"getrandom", do_random, NULL, NULL},
    {"uname", do_uname, NULL, NULL},
};

/// The calls that have no case of their own: with arguments that are good (or that are refused for what they are), each
/// answers with its allocations failing what it answers without. H is here (AT_FDCWD), P the page, T a text, F and D the
/// open file and the directory.
enum { H = -1001, P, F, D };
#define T(text) (intptr_t)(text)
static const struct timespec no_time;
static struct itimerval no_timer;
static const struct iovec pieces[2] = {{file, 2}, {file, 2}};
static uint64_t capabilities[] = {0x20080522};
static const struct simple_call {
  int number;
  intptr_t x[6];
} kSimple[] = {
    {23, {F}}, {29, {F, 0x541b, P}}, {38, {H, T(file), H, T(file)}}, {39, {T("/tmp")}},
    {43, {T(file), P}}, {44, {D, P}}, {45, {T(file), 5}},
    {47, {F, 0, 0, 5}}, {48, {H, T(file), 4}}, {50, {D}}, {51, {T("/")}}, {52, {F, 0644}},
    {53, {H, T(file), 0644}}, {54, {H, T(file), -1, -1}}, {55, {F, -1, -1}}, {57, {900}}, {62, {F, 0, 0}},
    {63, {F, P, 5}}, {64, {1, P, 0}}, {65, {F, T(pieces), 0}}, {66, {F, T(pieces), 0}},
    {69, {F, T(pieces), 0}}, {70, {F, T(pieces), 0}}, {71, {F, F, 0, 0}}, {72, {0, 0, 0, 0, T(&no_time)}},
    {78, {H, T("/proc/self/exe"), P, 64}}, {80, {F, P}}, {81, {0}}, {82, {F}}, {83, {F}}, {88, {H, T(file)}},
    {90, {T(capabilities), P}}, {91, {T(&no_time)}}, {92, {-1}}, {95, {0, 0, P, 5}}, {96, {0}}, {98, {P, 129, 1}}, {99, {0, 24}},
    {100, {0, P, P}}, {101, {T(&no_time)}}, {102, {0, P}}, {103, {0, T(&no_timer)}}, {112, {77, T(&no_time)}},
    {113, {1, P}}, {114, {1, P}}, {115, {1, 0, T(&no_time)}}, {116, {3, P, 64}}, {118, {0, T(&no_time)}},
    {119, {0, 0, T(&no_time)}}, {120, {0}}, {121, {0, P}}, {123, {0, 8, P}}, {124, {0}}, {125, {0}}, {126, {0}}, {127, {0, P}},
    {129, {1 << 22}}, {130, {1 << 22}}, {131, {1 << 22, 1 << 22}}, {132, {0, P}}, {134, {10, 0, P, 8}},
    {135, {0, 0, P, 8}}, {136, {P, 8}}, {137, {T(&no_time), 0, T(&no_time), 8}}, {140, {0}}, {141, {0}}, {142, {0}}, {143, {0}}, {144, {0}},
    {145, {0}}, {146, {0}}, {147, {0}}, {148, {P, P, P}}, {149, {0}}, {150, {P, P, P}}, {151, {0}}, {152, {0}}, {153, {P}}, {154, {0}}, {155, {0}}, {156, {0}},
    {157, {0}}, {158, {0}}, {159, {0}}, {161, {P, -1}}, {162, {P, -1}}, {163, {7, P}}, {164, {99, P}}, {165, {0, P}}, {166, {022}},
    {167, {16, P}}, {168, {P}}, {169, {P}}, {170, {0}}, {172, {0}}, {173, {0}}, {174, {0}}, {175, {0}}, {176, {0}}, {177, {0}}, {178, {0}}, {179, {P}},
    {198, {1, 1}}, {199, {1, 1}}, {200, {0}}, {201, {0}}, {202, {0}}, {203, {0}}, {204, {0}}, {205, {0}}, {206, {0}}, {207, {0}}, {208, {0}}, {209, {0}}, {210, {0}}, {211, {0}},
    {212, {0}}, {223, {F}}, {227, {P, 4096, 4}}, {229, {P, 4096}}, {230, {2}}, {231, {0}}, {232, {P, 4096, P}}, {240, {1 << 22}},
    {242, {0}}, {260, {-1, 0, 1}}, {261, {0, 7, 0, P}}, {284, {P, 4096, 1}}, {285, {F, 0, F, 0, 0}},
    {291, {H, T(file), 0, 0x7ff, P}}, {436, {900, 901}}, {439, {H, T(file), 4}},
};

static long do_simple(const struct simple_call* simple) {
  uint64_t x[6];
  for (int i = 0; i < 6; ++i) {
    const intptr_t given = simple->x[i];
    x[i] = given == H ? (uint64_t)AT_FDCWD : given == P ? AT(page) : given == F ? (uint64_t)open_file
           : given == D ? (uint64_t)directory : (uint64_t)given;
  }
  const long result = call(simple->number, x);
  if (simple->number == SYS_dup && result >= 0) close_it(result);
  return result;
}
static int is_refused(long result) {
  return result == -ENOMEM || result == -EAGAIN || result == -ENOSPC || result == -ENOLCK;
}

static void starve_simple(const struct simple_call* simple) {
  const long usual = do_simple(simple);
  for (uint64_t nth = 1;; ++nth) {
    starve(nth);
    const long result = do_simple(simple);
    const int fired = starve(0), same = result == usual || (result >= 0 && usual >= 0);
    ++attempts;
    if (!same && !(fired && is_refused(result)))
      complain("call %d, allocation %d: %ld, not %ld", simple->number, (int)nth, result, usual);
    if (!fired) return;
  }
}

enum { kMost = 4000 };

/// How many allocations a case needs, each of which has failed once.
static int starve_case(int i) {
  for (int nth = 1; nth < kMost; ++nth) {
    if (kCases[i].before != NULL) kCases[i].before();
    starve((uint64_t)nth);
    const long result = kCases[i].act();
    const int fired = starve(0);
    ++attempts;
    if (result < 0 && !(fired && is_refused(result))) complain("%s, allocation %d: %ld", kCases[i].name, nth, result);
    if (kCases[i].undo != NULL && (result >= 0 || kCases[i].before != NULL)) kCases[i].undo(result);
    if (!fired) return nth - 1;
  }
  complain("%s never ends", kCases[i].name);
  return kMost;
}

static void exec_once(const void* nth) {
  starve(*(const uint64_t*)nth);
  const long result = do_exec();
  _exit(result == -ENOMEM ? 100 : 101);
}
static int starve_exec(void) {
  for (uint64_t nth = 1; nth < kMost; ++nth) {
    const int outcome = outcome_of(exec_once, &nth), fired = starve(0);
    if (outcome != 7 && !(fired && outcome == 100)) complain("execve, allocation %d: %d", (int)nth, outcome);
    if (!fired) return (int)nth - 1;
  }
  complain("execve never ends");
  return kMost;
}

int main(void) {
  own_pid = (uint64_t)getpid();
  page = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  mkdir("/tmp/starve", 0755);
  directory = open("/tmp/starve", O_RDONLY | O_DIRECTORY);
  open_file = open(file, O_RDWR | O_CREAT, 0644);
  if (write(open_file, "bytes", 5) != 5) complain("no file");
  int with_allocations = 0;
  for (unsigned i = 0; i < sizeof kCases / sizeof *kCases; ++i) with_allocations += starve_case((int)i) > 0;
  with_allocations += starve_exec() > 0;
  for (unsigned i = 0; i < sizeof kSimple / sizeof *kSimple; ++i) starve_simple(&kSimple[i]);
  // If nothing ever failed, nobody listened.
  if (with_allocations < 20) complain("only %d calls needed memory", with_allocations);
  close(open_file);
  close(directory);
  unlink(file);
  rmdir("/tmp/starve");
  return verdict("starve");
}

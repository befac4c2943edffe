// SPDX-License-Identifier: MIT
/// `siege_calls SEED ADDRESS...`: system calls with what no program should pass. First every pointer that a call
/// takes, exactly: EFAULT for each bad one. Then every number with every bad pointer in every place; then
/// every number with garbage. The addresses are kernel addresses, which the kernel's test knows.
///
/// Left out of the second and third part are calls that do as they are told: exit, kill and the like, those that set
/// the machine's clock and names, and those that wait (poll, sigsuspend, sigtimedwait, the sleeps).
#include "siege.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>

enum { kMostPointers = 80 };
static uint64_t bad[kMostPointers];  // nobody may read or write there
static int bad_count;
static uint64_t edge;       // the last byte before a page that is not there
static uint64_t read_only;  // a page
static char* buffer;        // a page of zeros that is there

static const uint64_t P = 0x1234567890abcdef;  // stands for the pointer in a call below
enum kind { kReads, kWrites, kTakesPart };     // the last: a call that does what it can before the bad byte

struct pointer_call {
  int number;
  const char* name;
  enum kind kind;
  uint64_t x[6];
};

enum { kNull = 10, kZero, kFile, kDirectory, kPipeIn, kPipeOut };
#define HERE ((uint64_t)AT_FDCWD)
#define TEXT(text) ((uint64_t)(uintptr_t)(text))
#define BUFFER 0xb0ffe1  // stands for the buffer's address

static const struct __user_cap_header_struct capabilities = {_LINUX_CAPABILITY_VERSION_3, 0};
static const struct timespec no_time;

/// In the order of their numbers.
static const struct pointer_call kCalls[] = {
    {17, "getcwd", kWrites, {P, 64}},
    {33, "mknodat", kReads, {HERE, P, 0100644, 0}},
    {34, "mkdirat", kReads, {HERE, P, 0755}},
    {35, "unlinkat", kReads, {HERE, P, 0}},
    {36, "symlinkat", kReads, {P, HERE, TEXT("/tmp/siege.link")}},
    {36, "symlinkat", kReads, {TEXT("x"), HERE, P}},
    {37, "linkat", kReads, {HERE, P, HERE, TEXT("/tmp/siege.link"), 0}},
    {37, "linkat", kReads, {HERE, TEXT("/bin/siege_calls"), HERE, P, 0}},
    {38, "renameat", kReads, {HERE, P, HERE, TEXT("/tmp/siege.link")}},
    {38, "renameat", kReads, {HERE, TEXT("/bin/siege_calls"), HERE, P}},
    {43, "statfs", kReads, {P, BUFFER}},
    {43, "statfs", kWrites, {TEXT("/"), P}},
    {44, "fstatfs", kWrites, {kDirectory, P}},
    {45, "truncate", kReads, {P, 0}},
    {48, "faccessat", kReads, {HERE, P, 0}},
    {49, "chdir", kReads, {P}},
    {51, "chroot", kReads, {P}},
    {53, "fchmodat", kReads, {HERE, P, 0644}},
    {54, "fchownat", kReads, {HERE, P, 0, 0, 0}},
    {56, "openat", kReads, {HERE, P, 0}},
    {59, "pipe2", kWrites, {P, 0}},
    {61, "getdents64", kWrites, {kDirectory, P, 512}},
    {63, "read", kTakesPart, {kZero, P, 8}},
    {64, "write", kTakesPart, {kPipeOut, P, 8}},
    {65, "readv", kReads, {kZero, P, 1}},
    {66, "writev", kReads, {kPipeOut, P, 1}},
    {67, "pread64", kTakesPart, {kFile, P, 8, 0}},
    {68, "pwrite64", kTakesPart, {kFile, P, 8, 0}},
    {71, "sendfile", kReads, {kPipeOut, kFile, P, 1}},
    {72, "pselect6", kReads, {8, P, 0, 0, TEXT(&no_time), 0}},
    {73, "ppoll", kReads, {P, 1, TEXT(&no_time), 0, 8}},
    {78, "readlinkat", kReads, {HERE, P, BUFFER, 64}},
    {78, "readlinkat", kWrites, {HERE, TEXT("/dev/fd"), P, 64}},
    {79, "newfstatat", kReads, {HERE, P, BUFFER, 0}},
    {79, "newfstatat", kWrites, {HERE, TEXT("/"), P, 0}},
    {80, "fstat", kWrites, {kNull, P}},
    {88, "utimensat", kReads, {HERE, P, 0, 0}},
    {88, "utimensat", kReads, {HERE, TEXT("/tmp"), P, 0}},
    {90, "capget", kReads, {P, BUFFER}},
    {90, "capget", kWrites, {TEXT(&capabilities), P}},
    {91, "capset", kReads, {P, BUFFER}},
    {91, "capset", kReads, {TEXT(&capabilities), P}},
    {101, "nanosleep", kReads, {P, 0}},
    {102, "getitimer", kWrites, {0, P}},
    {103, "setitimer", kReads, {1, P, 0}},
    {103, "setitimer", kWrites, {1, BUFFER, P}},
    {112, "clock_settime", kReads, {0, P}},
    {113, "clock_gettime", kWrites, {1, P}},
    {114, "clock_getres", kWrites, {1, P}},
    {115, "clock_nanosleep", kReads, {1, 0, P, 0}},
    {116, "syslog", kWrites, {3, P, 8}},
    {118, "sched_setparam", kReads, {0, P}},
    {119, "sched_setscheduler", kReads, {0, 0, P}},
    {121, "sched_getparam", kWrites, {0, P}},
    {123, "sched_getaffinity", kWrites, {0, 8, P}},
    {127, "sched_rr_get_interval", kWrites, {0, P}},
    {132, "sigaltstack", kReads, {P, 0}},
    {132, "sigaltstack", kWrites, {0, P}},
    {133, "rt_sigsuspend", kReads, {P, 8}},
    {134, "rt_sigaction", kReads, {10, P, 0, 8}},
    {134, "rt_sigaction", kWrites, {10, 0, P, 8}},
    {135, "rt_sigprocmask", kReads, {0, P, 0, 8}},
    {135, "rt_sigprocmask", kWrites, {0, 0, P, 8}},
    {136, "rt_sigpending", kWrites, {P, 8}},
    {137, "rt_sigtimedwait", kReads, {P, 0, TEXT(&no_time), 8}},
    {137, "rt_sigtimedwait", kReads, {BUFFER, 0, P, 8}},
    {148, "getresuid", kWrites, {P, BUFFER, BUFFER}},
    {148, "getresuid", kWrites, {BUFFER, P, BUFFER}},
    {148, "getresuid", kWrites, {BUFFER, BUFFER, P}},
    {150, "getresgid", kWrites, {P, BUFFER, BUFFER}},
    {153, "times", kWrites, {P}},
    {160, "uname", kWrites, {P}},
    {161, "sethostname", kReads, {P, 4}},
    {162, "setdomainname", kReads, {P, 4}},
    {165, "getrusage", kWrites, {0, P}},
    {167, "prctl(set_name)", kReads, {15, P}},
    {167, "prctl(get_name)", kWrites, {16, P}},
    {168, "getcpu", kWrites, {P, 0}},
    {168, "getcpu", kWrites, {0, P}},
    {169, "gettimeofday", kWrites, {P, 0}},
    {169, "gettimeofday", kWrites, {0, P}},
    {170, "settimeofday", kReads, {P, 0}},
    {179, "sysinfo", kWrites, {P}},
    {221, "execve", kReads, {P, 0, 0}},
    {221, "execve", kReads, {TEXT("/bin/quiet"), P, 0}},
    {221, "execve", kReads, {TEXT("/bin/quiet"), 0, P}},
    {232, "mincore", kWrites, {BUFFER, 2 * 4096, P}},
    {261, "prlimit64", kReads, {0, 7, P, 0}},
    {261, "prlimit64", kWrites, {0, 7, 0, P}},
    {276, "renameat2", kReads, {HERE, P, HERE, TEXT("/tmp/siege.link"), 0}},
    {278, "getrandom", kTakesPart, {P, 8, 0}},
    {279, "memfd_create", kReads, {P, 0}},
    {291, "statx", kReads, {HERE, P, 0, 0x7ff, BUFFER}},
    {291, "statx", kWrites, {HERE, TEXT("/"), 0, 0x7ff, P}},
    {439, "faccessat2", kReads, {HERE, P, 0, 0}},
};

static long with_pointer(const struct pointer_call* c, uint64_t pointer) {
  uint64_t x[6];
  for (int i = 0; i < 6; ++i)
    x[i] = c->x[i] == P ? pointer : c->x[i] == BUFFER ? (uint64_t)buffer : c->x[i];
  return call(c->number, x);
}

static void want_fault(const struct pointer_call* c, uint64_t pointer, int* absent) {
  *(char*)edge = 'x';  // a call may have written up to there
  const long result = with_pointer(c, pointer);
  ++attempts;
  if (result == -ENOSYS)
    *absent = c->number;
  else if (result != -EFAULT)
    complain("%s(%d) with %016lx: %ld, not EFAULT", c->name, c->number, (unsigned long)pointer, result);
}

static void exact_faults(void) {
  int absent_before = -1, absent_count = 0;
  for (unsigned i = 0; i < sizeof kCalls / sizeof *kCalls; ++i) {
    const struct pointer_call* const c = &kCalls[i];
    int absent = -1;
    for (int j = 0; j < bad_count; ++j) want_fault(c, bad[j], &absent);
    if (c->kind != kTakesPart) want_fault(c, edge, &absent);
    if (c->kind == kWrites) want_fault(c, read_only, &absent);
    if (absent == -1 || absent == absent_before) continue;
    ++absent_count, absent_before = absent;
  }
  if (absent_count != 0) printf("# %d of these calls are not here\n", absent_count);
}

static int is_among(int number, const int* list, int count) {
  for (int i = 0; i < count; ++i)
    if (list[i] == number) return 1;
  return 0;
}
#define AMONG(number, ...) \
  is_among(number, (const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/// Calls that do as they are told, however unwise.
static int is_left_out(int number) {
  return AMONG(number, 93, 94,                    // exit
               72, 73, 101, 115, 133, 137,        // those that wait
               39, 40, 112, 142, 161, 162, 170,   // the machine: mounts, clock, power, names
               103,                               // its signal would end the child
               129, 130, 131, 138, 240, 261);     // others: kill and its like, prlimit64
}

/// After these a child may miss some of its memory, or go on elsewhere.
static int may_hurt_itself(int number) {
  return AMONG(number, 139, 214, 215, 216, 222, 226, 233);
}

/// clone(). The child has its maker's memory, perhaps, and no stack that deserves the name: it ends at once, and
/// without a signal, which would only be an attack on its maker.
static long call_clone(const uint64_t x[6]) {
  register uint64_t x8 asm("x8") = SYS_clone;
  register uint64_t x0 asm("x0") = x[0] & ~UINT64_C(0xff);
  register uint64_t x1 asm("x1") = x[1];
  register uint64_t x2 asm("x2") = x[2];
  register uint64_t x3 asm("x3") = x[3];
  register uint64_t x4 asm("x4") = x[4];
  asm volatile("svc #0\n cbnz x0, 1f\n mov x8, #93\n svc #0\n1:"
               : "+r"(x0), "+r"(x8)
               : "r"(x1), "r"(x2), "r"(x3), "r"(x4)
               : "memory");
  return (long)x0;
}

static void try_call(int number, uint64_t x[6]) {
  const long result = number == SYS_clone ? call_clone(x) : call(number, x);
  if (result < -4095) _exit(2);  // neither a result nor an errno
}

static void every_place(const void* argument) {
  const int number = *(const int*)argument;
  for (int place = 0; place < 6; ++place)
    for (int i = 0; i < bad_count; ++i)
      for (int others = 0; others < 2; ++others) {
        uint64_t x[6];
        for (int j = 0; j < 6; ++j) x[j] = others == 0 ? 0 : (uint64_t)buffer;
        x[place] = bad[i];
        try_call(number, x);
      }
}

static uint64_t random_state;
static uint64_t next_random(void) {  // xorshift64*
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1d;
}

static uint64_t garbage(void) {
  switch (next_random() % 8) {
    case 0:
      return next_random();
    case 1:
      return next_random() >> 32;
    case 2:
      return next_random() % 16;
    case 3:
      return -(next_random() % 16);
    case 4:
      return bad[next_random() % (unsigned)bad_count];
    case 5:
      return (uint64_t)buffer + next_random() % 4096;
    case 6:
      return UINT64_C(1) << next_random() % 64;
    default:
      return kNull + next_random() % 4;
  }
}

static void any_garbage(const void* argument) {
  const int number = *(const int*)argument;
  for (int round = 0; round < 24; ++round) {
    uint64_t x[6] = {garbage(), garbage(), garbage(), garbage(), garbage(), garbage()};
    try_call(number, x);
  }
}

/// One of its own, so that what it does to groups, files and memory is its own affair.
static void alone(void (*act)(const void*), const void* argument) {
  struct itimerval soon = {{0, 0}, {5, 0}};  // nothing here may wait
  setpgid(0, 0);
  for (int fd = 0; fd < 3; ++fd) close(fd);
  setitimer(ITIMER_REAL, &soon, NULL);
  act(argument);
}
static void place_alone(const void* number) { alone(every_place, number); }
static void garbage_alone(const void* number) { alone(any_garbage, number); }

static void try_number(int number, void (*act)(const void*), const char* what) {
  if (is_left_out(number)) return;
  random_state = next_random() | 1;  // a child's draws are not its parent's
  const int outcome = outcome_of(act, &number);
  const int hurt = outcome == 128 + SIGSEGV || outcome == 128 + SIGBUS || outcome == 128 + SIGILL;
  if (outcome == 0 || (may_hurt_itself(number) && hurt)) return;
  complain("call %d with %s: %d", number, what, outcome);
}

static void open_at(int fd, int from) {
  dup3(from, fd, 0);
  close(from);
}

static void prepare(int count, char** addresses) {
  const int file = open("/tmp/siege", O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (write(file, "contents", 8) != 8) complain("/tmp cannot be written");
  int ends[2] = {-1, -1};
  if (pipe(ends) != 0) complain("no pipe");
  open_at(kNull, open("/dev/null", O_RDWR));
  open_at(kZero, open("/dev/zero", O_RDWR));
  open_at(kFile, file);
  open_at(kDirectory, open("/", O_RDONLY | O_DIRECTORY));
  open_at(kPipeIn, ends[0]);
  open_at(kPipeOut, ends[1]);

  char* const pages = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  buffer = pages;
  edge = (uint64_t)pages + 2 * 4096 - 1;
  read_only = (uint64_t)pages + 3 * 4096;
  mprotect(pages + 2 * 4096, 4096, PROT_NONE);
  mprotect(pages + 3 * 4096, 4096, PROT_READ);

  for (int i = 0; i < count && bad_count < kMostPointers - 12; ++i)
    bad[bad_count++] = strtoull(addresses[i], NULL, 16);
  const uint64_t others[] = {
      (uint64_t)pages + 2 * 4096,                    // a page without rights
      (uint64_t)buffer | UINT64_C(0x5a) << 56,       // tagged
      (uint64_t)buffer | UINT64_C(0xff) << 56,
      0x0000ffffffffffff,                            // the low half's last byte, unless it is smaller
      0x0001000000000000,                            // the hole
      0x00ffffffffffffff,
      0x8000000000000000,
      0xfffeffffffffffff,
      0xffffffffffffffff,                            // wraps
      0xfffffffffffffffc,
  };
  for (unsigned i = 0; i < sizeof others / sizeof *others; ++i) bad[bad_count++] = others[i];
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  random_state = strtoull(argv[1], NULL, 0) | 1;
  prepare(argc - 2, argv + 2);
  exact_faults();
  for (int number = 0; number < 512; ++number) try_number(number, place_alone, "bad pointers");
  for (int number = 0; number < 1024; ++number) try_number(number, garbage_alone, "garbage");
  unlink("/tmp/siege");
  return verdict("siege_calls");
}

// SPDX-License-Identifier: MIT
/// `siege_mappings [SECONDS [WORKERS [SEED]]]`: processes that map, touch, protect, move, share, fork and unmap at
/// random, side by side, until the time is over. Each keeps a model of its own arena, page by page: what may be
/// done there, and what stands there. Every access is one that the model has foretold, down to the signal's code.
/// What they all share is counted twice, and the sums must agree in the end.
#include "siege.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE ((size_t)4096)
#define WORDS (PAGE / 8)
enum { kPages = 96, kCommonPages = 8, kFilePages = 16, kHotPages = 12, kMostWorkers = 16, kMostChildren = 3,
       kMostDepth = 2 };

typedef volatile uint64_t word;

/// A page of the arena. One of a file has the file's contents until it is written.
struct page {
  enum { kAbsent, kAnonymous, kFile } kind;
  int right;           // PROT_...
  int of_file;         // which of the file's pages
  int in_child;        // kKept, unless madvise() said otherwise
  uint64_t stamp;      // 0: zeros
};
enum { kKept, kWiped, kGone };

static struct page model[kPages];
static char* arena;

/// What all have in common, whoever forked it.
struct ledger {
  atomic_ulong added[kCommonPages];  // how often a common page's first word was counted up
  atomic_ulong operations, forks, faults, siblings, wrong;
  atomic_int stop;
};
static struct ledger* ledger;
static int common_file;   // kCommonPages; first word: a counter, word 1 + n: worker n's own
static word* common;      // where it is mapped, or was
static int common_is_there;
static int stamped_file;  // kFilePages, each with its stamp
static char* hot;         // kHotPages that a sibling uses meanwhile
static int depth, worker;
static int children, complaints;
static uint64_t random_state;
static const char* own_path;

static uint64_t random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
static int below(int limit) { return (int)((random_word() >> 20) % (unsigned)limit); }

__attribute__((format(printf, 1, 2))) static void wrong(const char* format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  printf("# worker %d, process %d: %s\n", worker, getpid(), text);
  fflush(stdout);
  ++complaints;
  atomic_fetch_add(&ledger->wrong, 1);
  atomic_store(&ledger->stop, 1);
}

// Accesses that may fault. A sibling shares this memory, and so has a place of its own to go back to.
static sigjmp_buf way_back[2];
static char* sibling_stack;
enum { kStack = 64 << 10 };

static int is_sibling(const void* local) {
  return sibling_stack != NULL && (const char*)local >= sibling_stack && (const char*)local < sibling_stack + kStack;
}
static void on_fault(int signal, siginfo_t* info, void* context) {
  (void)context;
  siglongjmp(way_back[is_sibling(&info)], signal << 8 | info->si_code);
}

/// 0, or the signal and its code.
static int try_read(word* at, uint64_t* value) {
  const int fault = sigsetjmp(way_back[is_sibling(&at)], 0);
  if (fault == 0) *value = *at;
  return fault;
}
static int try_write(word* at, uint64_t value) {
  const int fault = sigsetjmp(way_back[is_sibling(&at)], 0);
  if (fault == 0) *at = value;
  return fault;
}

enum { kNotMapped = SIGSEGV << 8 | SEGV_MAPERR, kNoRight = SIGSEGV << 8 | SEGV_ACCERR,
       kPastEnd = SIGBUS << 8 | BUS_ADRERR };

static word* words_of(int i) { return (word*)(arena + (size_t)i * PAGE); }
/// Where a stamp stands for the second time, its bits turned over.
static size_t second_place(uint64_t stamp) { return 1 + stamp % (WORDS - 1); }
static uint64_t stamp_of_file(int page) { return 0x57410000u + (unsigned)page * 77; }

static int expected_fault(const struct page* page, int writing) {
  if (page->kind == kAbsent) return kNotMapped;
  if (page->right == PROT_NONE) return kNoRight;
  return writing && !(page->right & PROT_WRITE) ? kNoRight : 0;
}

static void check_page(int i) {
  const struct page* const page = &model[i];
  uint64_t first = 0, second = 0;
  const int fault = try_read(words_of(i), &first), expected = expected_fault(page, 0);
  if (fault != expected) return wrong("reading page %d: %x, not %x", i, fault, expected);
  if (fault != 0) return (void)atomic_fetch_add(&ledger->faults, 1);
  second = words_of(i)[second_place(page->stamp)];
  if (first != page->stamp || second != (page->stamp == 0 ? 0 : ~page->stamp))
    wrong("page %d holds %lx and %lx, not %lx", i, first, second, page->stamp);
}

static void write_page(int i) {
  struct page* const page = &model[i];
  const uint64_t stamp = random_word() | 1;
  const int fault = try_write(words_of(i), stamp), expected = expected_fault(page, 1);
  if (fault != expected) return wrong("writing page %d: %x, not %x", i, fault, expected);
  if (fault != 0) return (void)atomic_fetch_add(&ledger->faults, 1);
  words_of(i)[second_place(stamp)] = ~stamp;
  page->stamp = stamp;
}

/// A page of zeros that others have used before is zeros all through.
static void check_zeros(int i) {
  for (size_t at = 0; at < WORDS; at += 1 + (size_t)below(8))
    if (words_of(i)[at] != 0) return wrong("page %d is not zeros at word %zu", i, at);
}

static void check_all(void) {
  for (int i = 0; i < kPages; ++i) check_page(i);
}

struct range {
  int first, count;
};
static struct range any_range(int most) {
  const int first = below(kPages), room = kPages - first;
  const int count = 1 + below(most < room ? most : room);
  return (struct range){first, count};
}
static char* at(int page) { return arena + (size_t)page * PAGE; }
static size_t size_of(struct range range) { return (size_t)range.count * PAGE; }

static int holes_in(struct range range) {
  int holes = 0;
  for (int i = range.first; i < range.first + range.count; ++i) holes += model[i].kind == kAbsent;
  return holes;
}

/// The result, and the errno if it is one: as the model says?
static void expect(const char* what, struct range range, long result, int error) {
  if (result == -1 ? errno != error : error != 0)
    wrong("%s of %d pages at %d: %ld, errno %d, not %d", what, range.count, range.first, result, errno, error);
}

static int any_right(void) {
  static const int kRights[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};
  return kRights[below(4)];
}

static void map_anonymous(struct range range, int right, int more_flags) {
  const void* const there =
      mmap(at(range.first), size_of(range), right, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | more_flags, -1, 0);
  expect("mmap", range, there == MAP_FAILED ? -1 : 0, 0);
  for (int i = range.first; i < range.first + range.count; ++i)
    model[i] = (struct page){.kind = kAnonymous, .right = right};
}
static void do_map(void) {
  const struct range range = any_range(24);
  map_anonymous(range, any_right(), below(4) == 0 ? MAP_POPULATE : 0);
  for (int i = range.first; i < range.first + range.count; i += 5)
    if (model[i].right != PROT_NONE) check_zeros(i);
}
static void do_map_file(void) {
  struct range range = any_range(kFilePages);
  const int from = below(kFilePages - range.count + 1), right = any_right();
  const void* const there = mmap(at(range.first), size_of(range), right,
                                 MAP_PRIVATE | MAP_FIXED | (below(4) == 0 ? MAP_POPULATE : 0), stamped_file,
                                 (off_t)((size_t)from * PAGE));
  expect("mmap(file)", range, there == MAP_FAILED ? -1 : 0, 0);
  for (int i = 0; i < range.count; ++i)
    model[range.first + i] =
        (struct page){.kind = kFile, .right = right, .of_file = from + i, .stamp = stamp_of_file(from + i)};
}
static void do_unmap(void) {
  const struct range range = any_range(24);
  expect("munmap", range, munmap(at(range.first), size_of(range)), 0);
  for (int i = range.first; i < range.first + range.count; ++i) model[i] = (struct page){.kind = kAbsent};
}
/// Stops at the first hole.
static void do_protect(void) {
  const struct range range = any_range(40);
  const int right = any_right(), holes = holes_in(range);
  expect("mprotect", range, mprotect(at(range.first), size_of(range), right), holes ? ENOMEM : 0);
  for (int i = range.first; i < range.first + range.count && model[i].kind != kAbsent; ++i) model[i].right = right;
}
/// Goes on behind a hole.
static void do_drop(void) {
  const struct range range = any_range(24);
  expect("madvise(DONTNEED)", range, madvise(at(range.first), size_of(range), MADV_DONTNEED),
         holes_in(range) ? ENOMEM : 0);
  for (int i = range.first; i < range.first + range.count; ++i)
    model[i].stamp = model[i].kind == kFile ? stamp_of_file(model[i].of_file) : 0;
}
/// What is written after the advice is there.
static void do_free(void) {
  const struct range range = any_range(12);
  map_anonymous(range, PROT_READ | PROT_WRITE, 0);
  for (int i = range.first; i < range.first + range.count; ++i) write_page(i);
  expect("madvise(FREE)", range, madvise(at(range.first), size_of(range), MADV_FREE), 0);
  for (int i = range.first; i < range.first + range.count; ++i) write_page(i);
}
static void do_fork_advice(void) {
  static const struct {
    int advice, in_child;
  } kAdvice[] = {{MADV_DONTFORK, kGone}, {MADV_WIPEONFORK, kWiped}};
  const struct range range = any_range(6);
  const int which = below(2);
  map_anonymous(range, PROT_READ | PROT_WRITE, 0);
  for (int i = range.first; i < range.first + range.count; i += 2) write_page(i);
  expect("madvise(fork)", range, madvise(at(range.first), size_of(range), kAdvice[which].advice), 0);
  for (int i = range.first; i < range.first + range.count; ++i) model[i].in_child = kAdvice[which].in_child;
}
/// To a place that does not overlap, over whatever is there.
static void do_move(void) {
  const int half = kPages / 2;
  struct range from = {below(half), 1 + below(8)}, to = {half + below(half - 8), from.count};
  if (from.first + from.count > half) return;
  if (below(2) == 0) {
    const int first = from.first;
    from.first = to.first, to.first = first;
  }
  map_anonymous(from, PROT_READ | PROT_WRITE, 0);
  for (int i = 0; i < from.count; i += 1 + below(2)) write_page(from.first + i);
  const void* const there =
      mremap(at(from.first), size_of(from), size_of(to), MREMAP_MAYMOVE | MREMAP_FIXED, at(to.first));
  expect("mremap", from, there == at(to.first) ? 0 : -1, 0);
  for (int i = 0; i < from.count; ++i) {
    model[to.first + i] = model[from.first + i];
    model[from.first + i] = (struct page){.kind = kAbsent};
  }
}
static void do_touch(void) {
  const struct range range = any_range(24);
  for (int i = range.first; i < range.first + range.count; i += 1 + below(3)) write_page(i);
}
static void do_look(void) {
  const struct range range = any_range(24);
  for (int i = range.first; i < range.first + range.count; ++i) check_page(i);
}
static void do_lock(void) {
  const struct range range = any_range(8);
  (void)!mlock(at(range.first), size_of(range));  // may not be allowed, or meet a hole
  check_page(range.first);
  if (munlockall() != 0) wrong("munlockall: errno %d", errno);
}

/// The kernel reads one page, and writes another.
static void do_copy(void) {
  const int from = below(kPages), to = below(kPages);
  int ends[2];
  if (pipe(ends) != 0) return wrong("pipe: errno %d", errno);
  const long written = write(ends[1], at(from), 8), wanted = expected_fault(&model[from], 0) ? -1 : 8;
  if (written != wanted || (written < 0 && errno != EFAULT)) wrong("write of page %d: %ld", from, written);
  if (written == 8) {
    const long got = read(ends[0], at(to), 8), want = expected_fault(&model[to], 1) ? -1 : 8;
    if (got != want || (got < 0 && errno != EFAULT)) wrong("read to page %d: %ld", to, got);
    if (got == 8) {
      if (*words_of(to) != model[from].stamp) wrong("page %d went through a pipe as %lx", from, *words_of(to));
      write_page(to);
    }
  }
  close(ends[0]);
  close(ends[1]);
}

static void map_common(void) {
  if (common_is_there) return;
  const void* const there = mmap((void*)common, kCommonPages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                 common_file, 0);
  if (there == MAP_FAILED) return wrong("mmap(shared): errno %d", errno);
  common_is_there = 1;
}
/// Counts up what all share, and its own words, which nobody else writes.
static void do_share(void) {
  map_common();
  for (int i = 0; i < 20; ++i) {
    const int page = below(kCommonPages);
    word* const words = common + (size_t)page * WORDS;
    atomic_fetch_add((atomic_ulong*)words, 1);
    atomic_fetch_add(&ledger->added[page], 1);
    if (depth != 0) continue;
    const uint64_t before = words[1 + worker], after = before + 1;
    words[1 + worker] = after;
    uint64_t read_back = 0;
    if (pread(common_file, &read_back, 8, (off_t)((size_t)page * PAGE + 8 + 8 * (size_t)worker)) != 8 ||
        read_back != after)
      wrong("common page %d: the file says %lu, not %lu", page, read_back, after);
  }
}
static void do_unshare(void) {
  if (!common_is_there) return;
  if (munmap((void*)common, kCommonPages * PAGE) != 0) wrong("munmap(shared): errno %d", errno);
  common_is_there = 0;
}

/// A file that is cut off, and grows again, while two mappings show it.
static void do_cut(void) {
  char name[40];
  snprintf(name, sizeof name, "/tmp/siege.%d", getpid());
  const int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file < 0 || unlink(name) != 0 || ftruncate(file, 4 * PAGE) != 0) return wrong("a file: errno %d", errno);
  struct range range = any_range(4);
  word* const shared = words_of(range.first);
  if (mmap((void*)shared, size_of(range), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
    return wrong("mmap(cut): errno %d", errno);
  const int last = range.count - 1;
  word* const at_last = shared + (size_t)last * WORDS;
  uint64_t value = 0;
  *at_last = 17;
  if (ftruncate(file, (off_t)((size_t)last * PAGE)) != 0) wrong("ftruncate: errno %d", errno);
  const int fault = try_read(at_last, &value);
  if (fault != kPastEnd) wrong("past the end: %x", fault);
  if (ftruncate(file, 4 * PAGE) != 0 || *at_last != 0) wrong("a file that grew again holds %lx", *at_last);
  expect("munmap(cut)", range, munmap((void*)shared, size_of(range)), 0);
  for (int i = range.first; i < range.first + range.count; ++i) model[i] = (struct page){.kind = kAbsent};
  close(file);
}

static void wait_for_child(void) {
  int status;
  pid_t child;
  while ((child = wait(&status)) < 0 && errno == EINTR) {
  }
  if (child < 0 || status != 0) wrong("a child's status is %x", status);
  --children;
}

static void act(void);

/// What it has is what its parent had, whatever both do to it from now on.
static void be_child(void) {
  children = 0;
  ++depth;
  for (int i = 0; i < kPages; ++i) {
    if (model[i].in_child == kGone) model[i] = (struct page){.kind = kAbsent};
    if (model[i].in_child == kWiped) model[i].stamp = 0;
  }
  complaints = 0;
  if (below(2) == 0) check_all();
  for (int i = below(40); i > 0 && !atomic_load(&ledger->stop); --i) act();
  while (children != 0) wait_for_child();
  check_all();
  if (below(8) == 0) {
    execl(own_path, own_path, "nothing", (char*)NULL);
    wrong("exec: errno %d", errno);
  }
  _exit(complaints != 0);
}
static void do_fork(void) {
  if (depth == kMostDepth || children == kMostChildren) return wait_for_child();
  const uint64_t seed = random_word();
  const pid_t child = fork();
  if (child < 0) return wrong("fork: errno %d", errno);
  if (child == 0) {
    random_state = seed;
    be_child();
  }
  ++children;
  atomic_fetch_add(&ledger->forks, 1);
}

// A process with the same memory, on another CPU, which uses what is taken away beside it.
static atomic_int sibling_may_go;
static uint64_t hot_stamp(int i) { return 0x400000u + (unsigned)i; }

static int use_hot(void* unused) {
  (void)unused;
  uint64_t state = (uint64_t)&state;
  while (!atomic_load(&sibling_may_go)) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int i = (int)(state >> 40) % kHotPages;
    word* const page = (word*)(hot + (size_t)i * PAGE) + (state >> 50) % WORDS;
    uint64_t value = 0;
    if (state >> 63 ? try_write(page, hot_stamp(i)) : try_read(page, &value)) continue;
    if (value != 0 && value != hot_stamp(i)) {
      atomic_fetch_add(&ledger->wrong, 1);
      return 1;
    }
  }
  return 0;
}
static void check_hot(void) {
  for (int i = 0; i < kHotPages; ++i)
    for (size_t at = (size_t)below(16); at < WORDS; at += 16) {
      uint64_t value = 0;
      if (try_read((word*)(hot + (size_t)i * PAGE) + at, &value)) break;
      if (value != 0 && value != hot_stamp(i)) return wrong("hot page %d holds %lx", i, value);
    }
}
static void change_hot(void) {
  const int first = below(kHotPages), count = 1 + below(kHotPages - first);
  char* const start = hot + (size_t)first * PAGE;
  const size_t size = (size_t)count * PAGE;
  long result = 0;
  switch (below(6)) {
    case 0:
      result = munmap(start, size);
      break;
    case 1:
      result = madvise(start, size, MADV_DONTNEED) != 0 && errno != ENOMEM ? -1 : 0;
      break;
    case 2:
      result = mprotect(start, size, any_right()) != 0 && errno != ENOMEM ? -1 : 0;
      break;
    case 3: {
      const pid_t child = fork();
      if (child < 0) result = -1;
      if (child == 0) {
        check_hot();
        _exit(0);
      }
      int status = 0;
      while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      if (status != 0) wrong("who looked at hot pages ended with %x", status);
      break;
    }
    default:
      result = mmap(start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
                   ? -1
                   : 0;
  }
  if (result != 0) wrong("a change of hot pages: errno %d", errno);
  check_hot();
}
static void do_sibling(void) {
  if (sibling_stack == NULL || below(4) != 0) return;
  atomic_store(&sibling_may_go, 0);
  const pid_t sibling = clone(use_hot, sibling_stack + kStack, CLONE_VM | SIGCHLD, NULL);
  if (sibling < 0) {  // QEMU's user mode has none
    if (errno != EINVAL) wrong("clone: errno %d", errno);
    sibling_stack = NULL;
    return;
  }
  for (int i = 0; i < 30; ++i) change_hot();
  atomic_store(&sibling_may_go, 1);
  int status = 0;
  while (waitpid(sibling, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) wrong("a sibling's status is %x", status);
  atomic_fetch_add(&ledger->siblings, 1);
}

static void act(void) {
  static void (*const kActs[])(void) = {do_map,    do_map,  do_map_file, do_unmap, do_protect, do_protect,
                                        do_drop,   do_free, do_move,     do_touch, do_touch,   do_look,
                                        do_look,   do_lock, do_copy,     do_share, do_unshare, do_cut,
                                        do_fork_advice};
  const int which = below((int)(sizeof kActs / sizeof *kActs) + 1);
  atomic_fetch_add(&ledger->operations, 1);
  if (which < (int)(sizeof kActs / sizeof *kActs)) return kActs[which]();
  if (below(2) == 0) return do_sibling();
  if (children != 0 && below(3) == 0) return wait_for_child();
  if (depth != kMostDepth && children != kMostChildren) do_fork();
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void work(double end) {
  while (!atomic_load(&ledger->stop) && seconds_now() < end) act();
  while (children != 0) wait_for_child();
  check_all();
}

static void* map_anywhere(size_t size, int flags) {
  void* const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) exit(90);
  return memory;
}

/// The file whose pages are stamped is one, and the one that all share another.
static void make_files(void) {
  stamped_file = memfd_create("stamped", 0);
  common_file = memfd_create("common", 0);
  if (stamped_file < 0 || common_file < 0 || ftruncate(common_file, kCommonPages * PAGE) != 0) exit(91);
  for (int i = 0; i < kFilePages; ++i) {
    uint64_t contents[WORDS] = {stamp_of_file(i)};
    contents[second_place(stamp_of_file(i))] = ~stamp_of_file(i);
    if (write(stamped_file, contents, sizeof contents) != sizeof contents) exit(92);
  }
}

static void handle_faults(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

int main(int argc, char** argv) {
  own_path = argv[0];
  if (argc > 1 && !strcmp(argv[1], "nothing")) return 0;
  const double seconds = argc > 1 ? atof(argv[1]) : 2;
  int workers = argc > 2 ? atoi(argv[2]) : 4;
  if (workers < 1 || workers > kMostWorkers) workers = kMostWorkers;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)(seconds_now() * 1e6);
  printf("# siege_mappings %g %d %lu\n", seconds, workers, (unsigned long)seed);
  fflush(stdout);

  ledger = map_anywhere(sizeof *ledger, MAP_SHARED);
  arena = map_anywhere(kPages * PAGE, MAP_PRIVATE);
  common = map_anywhere(kCommonPages * PAGE, MAP_PRIVATE);
  hot = map_anywhere(kHotPages * PAGE, MAP_PRIVATE);
  sibling_stack = map_anywhere(kStack, MAP_PRIVATE);
  munmap(arena, kPages * PAGE);
  make_files();
  handle_faults();

  const double end = seconds_now() + seconds;
  for (worker = 0; worker < workers; ++worker) {
    if (fork() != 0) continue;
    random_state = (seed + (unsigned)worker * 0x9e3779b97f4a7c15) | 1;
    work(end);
    _exit(0);
  }
  for (int i = 0; i < workers; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) complain("a worker's status is %x", status);
  }
  common_is_there = 0;
  map_common();
  for (int i = 0; i < kCommonPages; ++i)
    if (common[(size_t)i * WORDS] != atomic_load(&ledger->added[i]))
      complain("common page %d was counted up to %lu, not %lu", i, common[(size_t)i * WORDS], ledger->added[i]);
  printf("# %lu operations, %lu forks, %lu faults foretold, %lu siblings\n", ledger->operations, ledger->forks,
         ledger->faults, ledger->siblings);
  attempts = (int)ledger->operations;
  failures += (int)ledger->wrong;
  return verdict("siege_mappings");
}

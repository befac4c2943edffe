// SPDX-License-Identifier: MIT
/// Frames for rt_sigreturn that no kernel wrote: each must end in SIGSEGV, or in what a program may do
/// by itself. Prints a line for each failure; its status is how many there were. It runs on Linux too,
/// with the same result.
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

struct frame {
  siginfo_t info;
  ucontext_t context;
};
_Static_assert(sizeof(struct frame) == 4688, "as Linux has it");

static struct frame good;  // as the kernel wrote it
static char stack[65536] __attribute__((aligned(16)));
static sigjmp_buf back;
static volatile int refused, arrived, code;

static void keep(int signal, siginfo_t* info, void* context) {
  (void)signal;
  memcpy(&good.info, info, sizeof good.info);
  memcpy(&good.context, context, sizeof good.context);
}

/// On the other stack, and back to where the frame was tried.
static void refuse(int signal, siginfo_t* info, void* context) {
  (void)context;
  refused = signal;
  code = info->si_code;
  siglongjmp(back, 1);
}

/// Where a good frame leads.
static void arrive(void) {
  arrived = 1;
  siglongjmp(back, 1);
}

/// rt_sigreturn with a stack pointer.
static void try_at(void* sp) {
  refused = arrived = code = 0;
  if (sigsetjmp(back, 1) == 0)
    asm volatile("mov sp, %0\n mov x8, #139\n svc #0\n brk #7" ::"r"(sp) : "x8", "memory");
}

static struct frame* place(void) {
  struct frame* const frame = (struct frame*)(stack + 8192);
  *frame = good;
  frame->context.uc_mcontext.pc = (uint64_t)arrive;
  frame->context.uc_mcontext.sp = (uint64_t)(stack + 32768);
  return frame;
}

static void check_good(const char* what, struct frame* frame) {
  try_at(frame);
  check(arrived && refused == 0, what, refused);
}

static void check_bad(const char* what, struct frame* frame, long which) {
  try_at(frame);
  check(!arrived && refused == SIGSEGV, what, which);
}

/// The header of the record at `at` among the records.
static uint32_t* header(struct frame* frame, unsigned at) {
  return (uint32_t*)((char*)frame->context.uc_mcontext.__reserved + at);
}

static void check_pstate(void) {
  // Modes of EL1 to EL3, AArch32, and masks of interrupts and debug exceptions.
  const uint64_t bad[] = {0x1,  0x4,   0x5,   0x8,   0x9,   0xc,   0xd,    0x10,      0x11,      0x12,
                          0x13, 0x17,  0x1b,  0x1f,  0x40,  0x80,  0x100,  0x200,     0x3c0,     0x3c5,
                          0x45, 0x3c4, 0x3c9, 0x3cd, 0x205, 0x1d3, 0x80000005, 0x600003c5, 0xf0000010};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; ++i) {
    struct frame* const frame = place();
    frame->context.uc_mcontext.pstate = bad[i];
    check_bad("a pstate that is not EL0's", frame, (long)bad[i]);
  }
  struct frame* const frame = place();
  frame->context.uc_mcontext.pstate = 0xf0000000;
  check_good("all flags", frame);
}

static void check_places(void) {
  struct frame* const frame = place();
  check_good("the kernel's own frame", frame);
  for (int off = 1; off < 16; ++off) check_bad("a stack pointer that is not aligned", (struct frame*)((char*)place() + off), off);
  const uint64_t nowhere[] = {0,
                              16,
                              0x1000,
                              0xffff000000000000,
                              0xffff800008000000,
                              0xfffffffffffffff0,
                              0x0001000000000000,
                              0x0000fffffffff000,
                              0x8000000000000000};
  for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; ++i)
    check_bad("a frame nowhere", (struct frame*)nowhere[i], (long)nowhere[i]);
  // Every way to be cut off by the end of the mapping.
  char* const page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 8192, 8192);
  for (long missing = 16; missing <= 640; missing += 16) {
    struct frame* const cut = (struct frame*)(page + 8192 - missing);
    memcpy((void*)cut, &good, (size_t)missing);
    check_bad("a frame that is cut off", cut, missing);
  }
  munmap(page, 8192);
}

static void check_records(void) {
  const struct {
    unsigned at;
    uint32_t magic, size;
    const char* what;
  } bad[] = {
      {0, 0, 0, "no FP record"},
      {0, 0x46508001, 0, "an FP record of no size"},
      {0, 0x46508001, 512, "a short one"},
      {0, 0x46508001, 544, "a long one"},
      {0, 0x46508001, 0xfffffff0, "one that wraps"},
      {0, 0x12345678, 528, "an unknown record"},
      {528, 0x46508001, 528, "two of them"},
      {528, 0x12345678, 16, "an unknown one behind it"},
      {528, 0, 16, "a terminator with a size"},
      {528, 0x45535201, 0xfffffff0, "a syndrome that wraps"},
      {528, 0x45535201, 8192, "one beyond the end"},
  };
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; ++i) {
    struct frame* const frame = place();
    header(frame, bad[i].at)[0] = bad[i].magic;
    header(frame, bad[i].at)[1] = bad[i].size;
    check_bad(bad[i].what, frame, i);
  }
}

static void check_syndrome(void) {
  struct frame* const frame = place();
  header(frame, 528)[0] = 0x45535201;
  header(frame, 528)[1] = 16;
  header(frame, 544)[0] = header(frame, 544)[1] = 0;
  check_good("a syndrome behind the FP registers", frame);
}

/// Where it leads is the program's own affair, and faults there if it is not.
static void check_targets(void) {
  const uint64_t bad[] = {0xffff800008000000, 0xffffffff81000000, 0, 0x0001000000000000, 0xfffffffffffffffc};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; ++i) {
    struct frame* const frame = place();
    frame->context.uc_mcontext.pc = bad[i];
    check_bad("a jump out of the program", frame, (long)bad[i]);
  }
  struct frame* const frame = place();
  frame->context.uc_sigmask.__val[0] = ~0ul & ~(1ul << (SIGSEGV - 1));
  try_at(frame);
  check(arrived, "a mask of everything", refused);
  sigset_t now;
  sigprocmask(SIG_SETMASK, &(sigset_t){0}, &now);
}

/// Words at random in a frame: whatever it does, this program is still itself afterwards.
static void check_noise(void) {
  uint64_t seed = 88172645463325252u;
  const uint64_t pid = (uint64_t)getpid();
  for (int round = 0; round < 500; ++round) {
    struct frame* const frame = place();
    for (int words = 0; words < 4; ++words) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      const unsigned word = (unsigned)(seed % 160);  // mcontext, and the start of the records
      if (word < 32 || word > 40) ((uint64_t*)&frame->context.uc_mcontext)[word] = seed;
    }
    try_at(frame);
    sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
  }
  check((uint64_t)getpid() == pid, "noise", 0);
}

int main(int argc, char** argv) {
  struct sigaction action = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);

  static char other[32768];
  const stack_t alternative = {.ss_sp = other, .ss_size = sizeof other};
  sigaltstack(&alternative, NULL);
  good.context.uc_stack = alternative;
  action.sa_sigaction = refuse;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; ++i) sigaction(faults[i], &action, NULL);
  check_places();
  if (is_strict(argc, argv)) check_pstate(), check_syndrome();
  check_records();
  check_targets();
  check_noise();
  return finish();
}

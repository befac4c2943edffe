// SPDX-License-Identifier: MIT
/// Signals, as a program sees them: handlers and their frames, masks, queues, stacks, calls that are
/// interrupted. Prints a line for each failure; its status is how many there were. It runs on Linux
/// too, with the same result.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "call.h"
#include "check.h"

/// What the handlers saw, in order.
static struct {
  int count;
  int signals[32];
  int codes[32];
  long values[32];
  siginfo_t info;
  ucontext_t context;
} seen;

static void note(int signal, siginfo_t* info, void* context) {
  if (seen.count < 32) {
    seen.signals[seen.count] = signal;
    seen.codes[seen.count] = info->si_code;
    seen.values[seen.count] = (long)info->si_value.sival_ptr;
  }
  ++seen.count;
  seen.info = *info;
  memcpy(&seen.context, context, sizeof seen.context);
}

static void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(signal, &action, NULL);
  seen.count = 0;
}

static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set);
  if (a != 0) sigaddset(&set, a);
  if (b != 0) sigaddset(&set, b);
  return set;
}

static void check_handler(void) {
  handle(SIGUSR1, note, 0);
  check(kill(getpid(), SIGUSR1) == 0, "kill", errno);
  check(seen.count == 1 && seen.signals[0] == SIGUSR1, "the handler ran", seen.count);
  check(seen.info.si_code == SI_USER && seen.info.si_pid == getpid(), "by kill", seen.info.si_code);
  raise(SIGUSR1);
  check(seen.count == 2 && seen.codes[1] == SI_TKILL, "raise is tgkill", seen.codes[1]);
}

/// Every register that the handler changes is what it was when it returns.
static void clobber(int signal) {
  (void)signal;
  asm volatile(
      "mov x9, #-1\n mov x10, #-1\n mov x19, x19\n movi v7.16b, #255\n movi v20.16b, #255\n"
      "cmp xzr, xzr\n msr fpsr, xzr" ::
          : "x9", "x10", "v7", "v20", "cc");
}

static void check_registers(void) {
  signal(SIGUSR1, clobber);
  uint64_t lost;
  asm volatile(
      "mov x8, #129\n mov x0, %1\n mov x1, #10\n"  // kill(pid, SIGUSR1)
      "mov x9, #9\n mov x10, #10\n mov x18, #18\n"
      "fmov d7, #7.0\n fmov d20, #20.0\n"
      "cmp x9, x10\n"
      "svc #0\n"
      "cset %0, eq\n orr %0, %0, x0\n"
      "sub x9, x9, #9\n orr %0, %0, x9\n sub x10, x10, #10\n orr %0, %0, x10\n"
      "sub x18, x18, #18\n orr %0, %0, x18\n"
      "fcvtzs x9, d7\n sub x9, x9, #7\n orr %0, %0, x9\n"
      "fcvtzs x9, d20\n sub x9, x9, #20\n orr %0, %0, x9\n"
      : "=&r"(lost)
      : "r"((long)getpid())
      : "x0", "x1", "x8", "x9", "x10", "x18", "v7", "v20", "cc", "memory");
  check(lost == 0, "registers survive a handler", (long)lost);
}

struct record {
  uint32_t magic, size;
};

/// The frame as Linux lays it out, seen from a handler.
static struct {
  uint64_t sp, x29, x30, info, context;
  uint64_t fp, lr;          // of the frame record
  uint32_t code[2];         // where the handler returns to
  uint32_t fpsimd, fpsimd_size, next;
  uint64_t d8;              // in the FP record
} frame;

static void look(int signal, siginfo_t* info, void* context) {
  note(signal, info, context);
  const uint64_t* record = __builtin_frame_address(0);
  // The handler's own frame record leads to the kernel's.
  frame.x30 = (uint64_t)__builtin_return_address(0);
  frame.x29 = record[0];
  frame.info = (uint64_t)info;
  frame.context = (uint64_t)context;
  const uint64_t* kernels = (const uint64_t*)frame.x29;
  frame.fp = kernels[0];
  frame.lr = kernels[1];
  memcpy(frame.code, (void*)frame.x30, sizeof frame.code);
  const char* reserved = (const char*)((ucontext_t*)context)->uc_mcontext.__reserved;
  struct record header;
  memcpy(&header, reserved, sizeof header);
  frame.fpsimd = header.magic;
  frame.fpsimd_size = header.size;
  memcpy(&frame.d8, reserved + 16 + 8 * 16, 8);
  memcpy(&frame.next, reserved + header.size, 4);
}

static void check_frame(void) {
  handle(SIGUSR1, look, 0);
  register double eight asm("d8") = 8.0;
  asm volatile("" : "+w"(eight));
  call(SYS_kill, getpid(), SIGUSR1, 0, 0, 0, 0);
  asm volatile("" : "+w"(eight));
  check(frame.context == frame.info + 128, "ucontext follows siginfo", 0);
  check((frame.info & 15) == 0, "the frame is aligned", (long)frame.info);
  check(frame.x29 == frame.info + 4688, "x29 leads to the frame record", (long)(frame.x29 - frame.info));
  check(frame.lr == seen.context.uc_mcontext.regs[30] && frame.fp == seen.context.uc_mcontext.regs[29],
        "the frame record is the interrupted code's", 0);
  check(frame.code[0] == 0xd2801168 && frame.code[1] == 0xd4000001, "the return is rt_sigreturn's",
        frame.code[0]);
  check(frame.fpsimd == 0x46508001 && frame.fpsimd_size == 528, "an FP record", frame.fpsimd);
  double d8;
  memcpy(&d8, &frame.d8, 8);
  check(d8 == 8.0, "d8 is in it", (long)d8);
  check(seen.context.uc_mcontext.regs[8] == SYS_kill && seen.context.uc_mcontext.regs[0] == 0,
        "registers are in the frame", (long)seen.context.uc_mcontext.regs[8]);
  check(seen.context.uc_flags == 0 && seen.context.uc_link == NULL, "flags and link are 0", 0);
  check((seen.context.uc_mcontext.pstate & 0xfffffff) == 0, "pstate is EL0's",
        (long)seen.context.uc_mcontext.pstate);
}

static volatile int runs, depth, deepest;

static void nest(int signal) {
  if (++depth > deepest) deepest = depth;
  if (++runs < 5) raise(signal);
  --depth;
}

static void check_nesting(void) {
  struct sigaction action = {.sa_handler = nest, .sa_flags = SA_NODEFER};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  check(runs == 5 && deepest == 5, "SA_NODEFER lets a handler interrupt itself", deepest);
  action.sa_flags = 0;
  sigaction(SIGUSR1, &action, NULL);
  runs = deepest = 0;
  raise(SIGUSR1);
  check(runs == 5 && deepest == 1, "without it each runs behind the other", deepest);
  action.sa_flags = (int)SA_RESETHAND;
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &action);
  check(action.sa_handler == SIG_DFL, "SA_RESETHAND takes the handler away", 0);
}

static sigset_t mask_inside;

static void ask_mask(int signal) {
  (void)signal;
  sigprocmask(SIG_BLOCK, NULL, &mask_inside);
}

static void check_masks(void) {
  struct sigaction action = {.sa_handler = ask_mask, .sa_mask = set_of(SIGUSR2, 0)};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  check(sigismember(&mask_inside, SIGUSR1) && sigismember(&mask_inside, SIGUSR2) &&
            !sigismember(&mask_inside, SIGTERM),
        "what is blocked in a handler", (long)mask_inside.__val[0]);
  sigset_t now, mine = set_of(SIGUSR1, SIGUSR2), everything;
  sigprocmask(SIG_BLOCK, NULL, &now);
  check(now.__val[0] == 0, "nothing is blocked behind it", (long)now.__val[0]);

  handle(SIGUSR1, note, 0);
  handle(SIGUSR2, note, 0);
  sigprocmask(SIG_BLOCK, &mine, NULL);
  raise(SIGUSR2);
  raise(SIGUSR1);
  raise(SIGUSR1);
  check(seen.count == 0, "blocked signals wait", seen.count);
  sigpending(&now);
  check(sigismember(&now, SIGUSR1) && sigismember(&now, SIGUSR2), "sigpending", (long)now.__val[0]);
  sigprocmask(SIG_UNBLOCK, &mine, NULL);
  // Both frames are written before either handler runs: the last one written runs first.
  check(seen.count == 2 && seen.signals[0] == SIGUSR2 && seen.signals[1] == SIGUSR1,
        "each comes once, and they nest", seen.signals[0]);
  sigfillset(&everything);
  sigprocmask(SIG_SETMASK, &everything, NULL);
  sigprocmask(SIG_SETMASK, &(sigset_t){0}, &now);
  check(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGTERM),
        "SIGKILL and SIGSTOP are never blocked", (long)now.__val[0]);

  sigprocmask(SIG_BLOCK, &mine, NULL);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  sigpending(&now);
  check(!sigismember(&now, SIGUSR1), "to ignore a signal forgets the one that waits", 0);
  sigprocmask(SIG_UNBLOCK, &mine, NULL);
}

static void check_queue(void) {
  const int low = SIGRTMIN, high = SIGRTMIN + 3;
  sigset_t both = set_of(low, high), none = set_of(0, 0);
  handle(low, note, 0);
  handle(high, note, 0);
  sigprocmask(SIG_BLOCK, &both, NULL);
  for (long i = 1; i <= 3; ++i) {
    sigqueue(getpid(), high, (union sigval){.sival_ptr = (void*)(100 + i)});
    sigqueue(getpid(), low, (union sigval){.sival_ptr = (void*)i});
  }
  siginfo_t info;
  check(sigwaitinfo(&both, &info) == low && info.si_value.sival_ptr == (void*)1 &&
            info.si_code == SI_QUEUE && info.si_pid == getpid(),
        "the lowest number comes first", info.si_signo);
  const struct timespec no_time = {0, 0};
  check(sigtimedwait(&both, &info, &no_time) == low && info.si_value.sival_ptr == (void*)2,
        "then by age", (long)info.si_value.sival_ptr);
  // The frame of the low one is written first, so it runs last; the high ones wait for each other.
  sigprocmask(SIG_SETMASK, &none, NULL);
  check(seen.count == 4, "real-time signals are not merged", seen.count);
  check(seen.values[0] == 101 && seen.values[1] == 102 && seen.values[2] == 103 && seen.values[3] == 3,
        "every one with its value", seen.values[0]);
  check(sigtimedwait(&both, &info, &no_time) == -1 && errno == EAGAIN, "then there is none", errno);
  const struct timespec a_while = {0, 20000000};
  check(sigtimedwait(&both, &info, &a_while) == -1 && errno == EAGAIN, "not after a while", errno);
  const struct timespec no_such_time = {0, 1000000000};
  check(sigtimedwait(&both, &info, &no_such_time) == -1 && errno == EINVAL, "a bad time", errno);
}

static void check_other_stack(void) {
  static char memory[32768] __attribute__((aligned(16)));
  stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, old;
  check(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "no stack at first", old.ss_flags);
  check(sigaltstack(&stack, NULL) == 0, "sigaltstack", errno);
  handle(SIGUSR1, look, SA_ONSTACK);
  raise(SIGUSR1);
  check(frame.info >= (uint64_t)memory && frame.info < (uint64_t)memory + sizeof memory,
        "the handler runs on it", (long)frame.info);
  check(seen.context.uc_stack.ss_sp == memory && seen.context.uc_stack.ss_size == sizeof memory,
        "the frame says which", 0);
  handle(SIGUSR1, look, 0);
  raise(SIGUSR1);
  check(frame.info < (uint64_t)memory || frame.info >= (uint64_t)memory + sizeof memory,
        "without SA_ONSTACK it does not", (long)frame.info);
  stack.ss_size = 2047;
  check(sigaltstack(&stack, NULL) == -1 && errno == ENOMEM, "one that is too small", errno);
  stack.ss_flags = 8;
  check(sigaltstack(&stack, NULL) == -1 && errno == EINVAL, "flags that are none", errno);
  stack.ss_flags = SS_DISABLE;
  check(sigaltstack(&stack, &old) == 0 && old.ss_sp == memory && old.ss_flags == 0, "disabled", errno);
  check(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE && old.ss_sp == NULL, "is gone", 0);
  check(call(SYS_sigaltstack, 1, 0, 0, 0, 0, 0) == -EFAULT, "sigaltstack of nowhere", 0);
}

static sigjmp_buf back;
static stack_t stack_inside;
static long change_inside;

static void leave(int signal, siginfo_t* info, void* context) {
  note(signal, info, context);
  sigaltstack(NULL, &stack_inside);
  change_inside = call(SYS_sigaltstack, (long)&stack_inside, 0, 0, 0, 0, 0);
  siglongjmp(back, 1);
}

/// Do frames tell the fault's syndrome?
static int has_syndromes;

/// The faults that a handler sees, which leaves by longjmp: the code, the address, and in the frame
/// the address again and the syndrome.
struct expected {
  int signal, code;
  uint64_t address;
  long class, write;  // of the syndrome; write -1: it does not say
};

static void check_fault(const char* what, const struct expected* expected) {
  check(seen.count == 1 && seen.info.si_signo == expected->signal, what, seen.info.si_signo);
  check(seen.info.si_code == expected->code, what, seen.info.si_code);
  check((uint64_t)seen.info.si_addr == expected->address, what, (long)seen.info.si_addr);
  check(seen.context.uc_mcontext.fault_address == expected->address, what,
        (long)seen.context.uc_mcontext.fault_address);
  if (!has_syndromes) return;
  uint64_t esr;
  struct record header;
  const char* record = (const char*)seen.context.uc_mcontext.__reserved + 528;
  memcpy(&header, record, sizeof header);
  memcpy(&esr, record + 8, sizeof esr);
  check(header.magic == 0x45535201 && header.size == 16, what, header.magic);
  check((long)(esr >> 26) == expected->class, what, (long)esr);
  if (expected->write >= 0) check((long)(esr >> 6 & 1) == expected->write, what, (long)esr);
  memcpy(&header, record + 16, sizeof header);
  check(header.magic == 0 && header.size == 0, what, header.magic);
}

static void check_faults(void) {
  static char memory[32768];
  const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
  sigaltstack(&stack, NULL);
  char* const page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);

  handle(SIGSEGV, leave, SA_ONSTACK);
  handle(SIGBUS, leave, SA_ONSTACK);
  handle(SIGTRAP, leave, SA_ONSTACK);
  handle(SIGILL, leave, SA_ONSTACK);
  if (sigsetjmp(back, 1) == 0) *(volatile char*)(page + 4096 + 8) = 1;
  check_fault("a write to nowhere", &(struct expected){SIGSEGV, SEGV_MAPERR, (uint64_t)page + 4104, 0x24, 1});
  check(stack_inside.ss_flags == SS_ONSTACK && change_inside == -EPERM,
        "the stack cannot be changed from itself", change_inside);
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) (void)*(volatile char*)(page + 4096);
  check_fault("a read of nowhere", &(struct expected){SIGSEGV, SEGV_MAPERR, (uint64_t)page + 4096, 0x24, 0});
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) *(volatile char*)page = 1;
  check_fault("a write to what is read-only", &(struct expected){SIGSEGV, SEGV_ACCERR, (uint64_t)page, 0x24, 1});
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) ((void (*)(void))page)();
  check_fault("a jump to data", &(struct expected){SIGSEGV, SEGV_ACCERR, (uint64_t)page, 0x20, -1});
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) ((void (*)(void))(page + 4096))();
  check_fault("a jump to nowhere", &(struct expected){SIGSEGV, SEGV_MAPERR, (uint64_t)page + 4096, 0x20, -1});
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) asm volatile("brk #1000");
  check(seen.count == 1 && seen.info.si_signo == SIGTRAP && seen.info.si_code == TRAP_BRKPT, "brk",
        seen.info.si_code);
  seen.count = 0;
  if (sigsetjmp(back, 1) == 0) asm volatile("udf #0");
  check(seen.count == 1 && seen.info.si_signo == SIGILL && (!has_syndromes || seen.info.si_code == ILL_ILLOPC), "udf",
        seen.info.si_code);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  check(now.__val[0] == 0, "siglongjmp gives the mask back", (long)now.__val[0]);
  munmap(page, 4096);
  sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
}

/// A handler that mends what faulted, and one that goes on behind it.
static char* mended;
static void mend(int signal, siginfo_t* info, void* context) {
  note(signal, info, context);
  mprotect(mended, 4096, PROT_READ | PROT_WRITE);
}
static void skip(int signal, siginfo_t* info, void* context) {
  note(signal, info, context);
  ((ucontext_t*)context)->uc_mcontext.pc += 4;
}

static void check_mending(void) {
  mended = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  handle(SIGSEGV, mend, 0);
  *(volatile char*)(mended + 100) = 7;
  asm volatile("" ::: "memory");
  check(seen.count == 1 && mended[100] == 7, "the access is made again", seen.count);
  handle(SIGTRAP, skip, 0);
  asm volatile("brk #1\n brk #2" ::: "memory");
  check(seen.count == 2, "a handler may change where to go on", seen.count);
  munmap(mended, 4096);
  signal(SIGSEGV, SIG_DFL);
  signal(SIGTRAP, SIG_DFL);
}

static void die_in_handler(int signal) {
  (void)signal;
  _exit(3);
}

/// How faults end those who ask for no signal, or cannot get it.
static void fault(int how) {
  if (how == 1) signal(SIGSEGV, SIG_IGN);
  if (how == 2) {
    sigset_t set;
    signal(SIGSEGV, die_in_handler);
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
  }
  if (how == 3) {  // no room for the frame
    signal(SIGSEGV, die_in_handler);
    asm volatile("mov sp, #0x1000\n mov x9, #0\n str xzr, [x9]" ::: "x9", "memory");
  }
  if (how == 4) {  // nor for another signal's, and SIGSEGV has none of its own
    signal(SIGUSR1, die_in_handler);
    register long x8 asm("x8") = SYS_kill;
    register long x0 asm("x0") = getpid();
    register long x1 asm("x1") = SIGUSR1;
    asm volatile("mov x9, sp\n mov sp, #0x1000\n svc #0\n mov sp, x9"
                 : "+r"(x0)
                 : "r"(x8), "r"(x1)
                 : "x9", "memory");
  }
  if (how == 5) {  // but one on a stack of its own
    static char memory[32768];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    struct sigaction action = {.sa_handler = die_in_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    asm volatile("mov sp, #0x1000\n mov x9, #0\n str xzr, [x9]" ::: "x9", "memory");
  }
  asm volatile("mov x9, #0\n str xzr, [x9]" ::: "x9", "memory");
}

static int end_of(int how) {
  const pid_t pid = fork();
  if (pid == 0) {
    fault(how);
    _exit(0);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

static void check_deadly_faults(void) {
  for (int how = 0; how <= 4; ++how)
    check(end_of(how) == SIGSEGV, "a fault that nobody can handle", how);
  check(WEXITSTATUS(end_of(5)) == 3, "a handler on the other stack", 0);
}

static void check_refusals(void) {
  sigset_t set = set_of(0, 0);
  struct sigaction action = {.sa_handler = SIG_IGN};
  check(sigaction(SIGKILL, &action, NULL) == -1 && errno == EINVAL, "SIGKILL has no handler", errno);
  check(sigaction(SIGSTOP, &action, NULL) == -1 && errno == EINVAL, "nor has SIGSTOP", errno);
  check(call(SYS_rt_sigaction, SIGKILL, 0, 0, 8, 0, 0) == 0, "but it may be asked", 0);
  check(call(SYS_rt_sigaction, 0, 0, 0, 8, 0, 0) == -EINVAL, "signal 0", 0);
  check(call(SYS_rt_sigaction, 65, 0, 0, 8, 0, 0) == -EINVAL, "signal 65", 0);
  check(call(SYS_rt_sigaction, SIGUSR1, 0, 0, 16, 0, 0) == -EINVAL, "a set of another size", 0);
  check(call(SYS_rt_sigaction, SIGUSR1, 16, 0, 8, 0, 0) == -EFAULT, "an action from nowhere", 0);
  check(call(SYS_rt_sigprocmask, 3, (long)&set, 0, 8, 0, 0) == -EINVAL, "no way to change a mask", 0);
  check(call(SYS_rt_sigprocmask, 3, 0, 0, 8, 0, 0) == 0, "but it does not matter without one", 0);
  check(call(SYS_rt_sigprocmask, 0, (long)&set, 0, 4, 0, 0) == -EINVAL, "half a mask", 0);
  check(call(SYS_rt_sigprocmask, 0, 16, 0, 8, 0, 0) == -EFAULT, "a mask from nowhere", 0);
  check(call(SYS_rt_sigpending, (long)&set, 9, 0, 0, 0, 0) == -EINVAL, "sigpending of too much", 0);
  check(call(SYS_rt_sigsuspend, (long)&set, 4, 0, 0, 0, 0) == -EINVAL, "sigsuspend with half a mask", 0);
  check(call(SYS_rt_sigsuspend, 16, 8, 0, 0, 0, 0) == -EFAULT, "sigsuspend with none", 0);
  check(call(SYS_rt_sigtimedwait, (long)&set, 0, 16, 8, 0, 0) == -EFAULT, "a time from nowhere", 0);
  check(call(SYS_kill, getpid(), 65, 0, 0, 0, 0) == -EINVAL, "kill with signal 65", 0);
  check(call(SYS_kill, getpid(), -1, 0, 0, 0, 0) == -EINVAL, "kill with signal -1", 0);
  check(call(SYS_kill, getpid(), 0, 0, 0, 0, 0) == 0, "kill with signal 0", 0);
  check(call(SYS_kill, 2000000, 65, 0, 0, 0, 0) == -ESRCH, "kill of nobody", 0);
  check(call(SYS_kill, (long)(int)0x80000000, 0, 0, 0, 0, 0) == -ESRCH, "kill of no group", 0);
  check(call(SYS_tkill, 0, SIGUSR1, 0, 0, 0, 0) == -EINVAL, "tkill of thread 0", 0);
  check(call(SYS_tgkill, getpid(), -1, SIGUSR1, 0, 0, 0) == -EINVAL, "tgkill of thread -1", 0);
  check(call(SYS_tgkill, getpid(), 2000000, SIGUSR1, 0, 0, 0) == -ESRCH, "tgkill of nobody", 0);
  check(call(SYS_tgkill, getpid(), getpid(), 65, 0, 0, 0) == -EINVAL, "tgkill with signal 65", 0);
  check(call(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 16, 0, 0, 0) == -EFAULT, "sigqueue of nowhere", 0);
  siginfo_t info = {.si_code = SI_USER};
  check(call(SYS_rt_sigqueueinfo, getppid(), 0, (long)&info, 0, 0, 0) == -EPERM, "a forged sender", 0);
  info.si_code = SI_QUEUE;
  check(call(SYS_rt_sigqueueinfo, 2000000, SIGUSR1, (long)&info, 0, 0, 0) == -ESRCH, "sigqueue to nobody", 0);
  check(call(SYS_rt_sigqueueinfo, getpid(), 65, (long)&info, 0, 0, 0) == -EINVAL, "sigqueue of 65", 0);
}

int main(int argc, char** argv) {
  has_syndromes = is_strict(argc, argv);
  check_handler();
  check_registers();
  check_frame();
  check_nesting();
  check_masks();
  check_queue();
  check_other_stack();
  check_faults();
  check_mending();
  check_deadly_faults();
  check_refusals();
  return finish();
}

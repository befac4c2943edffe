// SPDX-License-Identifier: MIT
/// Clocks, sleeps, interval timers and usage.
#include "abi.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

static int64_t nanoseconds(struct timespec t) { return t.tv_sec * 1000000000 + t.tv_nsec; }
static int64_t now(clockid_t clock) {
  struct timespec t;
  syscall(SYS_clock_gettime, clock, &t);
  return nanoseconds(t);
}

static void clocks(void) {
  struct timespec t;
  for (int id = 0; id <= 12; ++id)
    if (id != 8 && id != 9)  // alarms, which not every machine can wake up for
      SHOW("clock_gettime", SYS_clock_gettime, id, &t);
  SHOW("clock -1", SYS_clock_gettime, -1, &t);
  SHOW("clock_gettime(bad)", SYS_clock_gettime, CLOCK_MONOTONIC, BAD);
  SHOW("clock_getres(null)", SYS_clock_getres, CLOCK_MONOTONIC, NULL);
  SHOW("clock_getres(clock 99)", SYS_clock_getres, 99, &t);
  SHOW("clock_settime(monotonic)", SYS_clock_settime, CLOCK_MONOTONIC, &t);
  SHOW("clock_settime(clock 99)", SYS_clock_settime, 99, &t);
  struct timespec odd = {0, 1000000000};
  SHOW("clock_settime(odd)", SYS_clock_settime, CLOCK_REALTIME, &odd);
  SHOW("clock_settime(bad)", SYS_clock_settime, CLOCK_REALTIME, BAD);
  SHOW("gettimeofday(null)", SYS_gettimeofday, NULL, NULL);
  SHOW("gettimeofday(bad)", SYS_gettimeofday, BAD, NULL);
  HOLDS(now(CLOCK_MONOTONIC) <= now(CLOCK_MONOTONIC));
  const int64_t kYear2020 = 1577836800, second = 1000000000;
  HOLDS(now(CLOCK_REALTIME) / second > kYear2020);
  struct timeval day;
  gettimeofday(&day, NULL);
  HOLDS(llabs(day.tv_sec - now(CLOCK_REALTIME) / second) <= 1);
  clockid_t own;
  HOLDS(clock_getcpuclockid(getpid(), &own) == 0 && now(own) > 0);
}

static void sleeps(void) {
  struct timespec t = {-1, 0};
  SHOW("nanosleep(negative)", SYS_nanosleep, &t, NULL);
  t = (struct timespec){0, -1};
  SHOW("nanosleep(negative part)", SYS_nanosleep, &t, NULL);
  t = (struct timespec){0, 1000000000};
  SHOW("nanosleep(large part)", SYS_nanosleep, &t, NULL);
  t = (struct timespec){0, 0};
  SHOW("nanosleep(0)", SYS_nanosleep, &t, BAD);
  t = (struct timespec){0, 20000000};
  int64_t before = now(CLOCK_MONOTONIC);
  SHOW("nanosleep(20 ms)", SYS_nanosleep, &t, BAD);
  HOLDS(now(CLOCK_MONOTONIC) - before >= 20000000);
  SHOW("clock_nanosleep(clock 99)", SYS_clock_nanosleep, 99, 0, &t, NULL);
  SHOW("clock_nanosleep(bad)", SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, NULL);
  for (int absolute = 0; absolute <= 1; ++absolute) {
    const clockid_t clock = absolute ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    const int64_t end = now(clock) + 20000000, from = absolute ? end : 20000000;
    t = (struct timespec){from / 1000000000, from % 1000000000};
    SHOW("clock_nanosleep", SYS_clock_nanosleep, clock, absolute, &t, BAD);
    HOLDS(now(clock) >= end);
  }
  t = (struct timespec){1, 0};
  SHOW("clock_nanosleep(past)", SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void timers(void) {
  struct itimerval set = {{0, 0}, {0, 1000000}}, old;
  SHOW("setitimer(odd)", SYS_setitimer, ITIMER_REAL, &set, NULL);
  set.it_value = (struct timeval){-1, 0};
  SHOW("setitimer(negative)", SYS_setitimer, ITIMER_REAL, &set, NULL);
  SHOW("setitimer(bad)", SYS_setitimer, ITIMER_REAL, BAD, NULL);
  set.it_value = (struct timeval){0, 0};
  SHOW("setitimer(kind 3)", SYS_setitimer, 3, &set, NULL);
  SHOW("getitimer(kind 3)", SYS_getitimer, 3, &old);
  SHOW("getitimer(bad)", SYS_getitimer, ITIMER_REAL, BAD);
  for (int kind = ITIMER_REAL; kind <= ITIMER_PROF; ++kind) {
    set = (struct itimerval){{5, 0}, {100, 500000}};
    SHOW("setitimer", SYS_setitimer, kind, &set, NULL);
    SHOW("getitimer", SYS_getitimer, kind, &old);
    HOLDS(old.it_value.tv_sec == 100 || old.it_value.tv_sec == 99);
    HOLDS(old.it_interval.tv_sec == 5 && old.it_interval.tv_usec == 0);
    memset(&set, 0, sizeof set);
    SHOW("setitimer(0)", SYS_setitimer, kind, &set, &old);
    HOLDS(old.it_value.tv_sec == 100 || old.it_value.tv_sec == 99);
    SHOW("getitimer", SYS_getitimer, kind, &old);
    printf("left %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
  }
}

static void ring(int signal) { (void)signal; }

/// One that a handler interrupts ends; one that only a stop interrupts goes on.
static void interrupted_sleeps(void) {
  const struct itimerval soon = {{0, 0}, {0, 20000}};
  struct timespec t = {10, 0}, rest = {0, 0};
  const struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  SHOW("nanosleep(interrupted)", SYS_nanosleep, &t, &rest);
  HOLDS(nanoseconds(rest) > 0 && nanoseconds(rest) < 9990000000);
  setitimer(ITIMER_REAL, &soon, NULL);
  SHOW("clock_nanosleep(interrupted)", SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  t.tv_sec = now(CLOCK_MONOTONIC) / 1000000000 + 10;
  SHOW("clock_nanosleep(absolute, interrupted)", SYS_clock_nanosleep, CLOCK_MONOTONIC, 1, &t, NULL);
  signal(SIGALRM, SIG_DFL);

  const pid_t child = fork();
  if (child == 0) {
    const int64_t before = now(CLOCK_MONOTONIC);
    t = (struct timespec){0, 200000000};
    const long result = syscall(SYS_nanosleep, &t, NULL);
    const int64_t slept = now(CLOCK_MONOTONIC) - before;
    _exit(result != 0 ? 1 : slept < 200000000 ? 2 : 0);
  }
  usleep(20000);
  kill(child, SIGSTOP);
  usleep(20000);
  kill(child, SIGCONT);
  int status = 0;
  waitpid(child, &status, 0);
  printf("a sleep with a stop in it: %d\n", WEXITSTATUS(status));
}

/// An interval timer rings again and again.
static volatile int rings;
static void count_ring(int signal) {
  (void)signal;
  ++rings;
}
static void intervals(void) {
  const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
  signal(SIGPROF, count_ring);
  setitimer(ITIMER_PROF, &often, NULL);
  const int64_t end = now(CLOCK_PROCESS_CPUTIME_ID) + 200000000;
  while (now(CLOCK_PROCESS_CPUTIME_ID) < end) {
  }
  setitimer(ITIMER_PROF, &never, NULL);
  signal(SIGPROF, SIG_DFL);
  HOLDS(rings >= 5 && rings <= 11);
}

static int status_of(pid_t child, struct rusage* usage) {
  int status = 0;
  while (syscall(SYS_wait4, child, &status, 0, usage) == -1 && errno == EINTR) {
  }
  return status;
}

/// SIGALRM, SIGVTALRM and SIGPROF end who has no handler.
static void deaths(void) {
  for (int kind = ITIMER_REAL; kind <= ITIMER_PROF; ++kind) {
    const pid_t child = fork();
    if (child == 0) {
      const struct itimerval soon = {{0, 0}, {0, 10000}};
      setitimer(kind, &soon, NULL);
      for (;;)
        if (kind == ITIMER_REAL) sleep(100);
    }
    const int status = status_of(child, NULL);
    printf("timer %d: killed by %d\n", kind, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
}

static void usage(void) {
  struct rusage own;
  struct tms ticks;
  SHOW("getrusage(self)", SYS_getrusage, RUSAGE_SELF, &own);
  HOLDS(own.ru_minflt > 0 && own.ru_maxrss > 0);
  SHOW("getrusage(2)", SYS_getrusage, 2, &own);
  SHOW("getrusage(-2)", SYS_getrusage, -2, &own);
  SHOW("getrusage(bad)", SYS_getrusage, RUSAGE_SELF, BAD);
  HOLDS(syscall(SYS_times, &ticks) > 0);
  HOLDS(syscall(SYS_times, NULL) > 0);
  SHOW("times(bad)", SYS_times, BAD);
  const pid_t child = fork();
  if (child == 0) {
    const int64_t end = now(CLOCK_PROCESS_CPUTIME_ID) + 50000000;
    while (now(CLOCK_PROCESS_CPUTIME_ID) < end) {
    }
    _exit(7);
  }
  struct rusage childs, all;
  printf("status %d\n", WEXITSTATUS(status_of(child, &childs)));
  getrusage(RUSAGE_CHILDREN, &all);
  const int64_t used = childs.ru_utime.tv_usec + childs.ru_stime.tv_usec + childs.ru_utime.tv_sec * 1000000;
  HOLDS(used >= 40000);
  HOLDS(all.ru_utime.tv_sec * 1000000 + all.ru_utime.tv_usec >= childs.ru_utime.tv_usec);
}

int main(void) {
  setlinebuf(stdout);
  clocks();
  sleeps();
  timers();
  interrupted_sleeps();
  intervals();
  deaths();
  usage();
  return 0;
}

// SPDX-License-Identifier: MIT
/// Calls that signals interrupt, children that stop and go on, and what their parents are told. Prints
/// a line for each failure; its status is how many there were. It runs on Linux too, with the same
/// result.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int caught, last_code, last_status, last_pid;

static void catch(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  last_code = info->si_code;
  last_status = info->si_status;
  last_pid = info->si_pid;
  ++caught;
}

static void handle(int signal, int flags) {
  struct sigaction action = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO | flags};
  sigaction(signal, &action, NULL);
  caught = 0;
}

static void rest(long milliseconds) {
  struct timespec left = {0, milliseconds * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

static long passed(const struct timespec* since) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/// A child that does what `work` says and ends with its result.
static pid_t start(int (*work)(long), long argument) {
  const pid_t pid = fork();
  if (pid == 0) _exit(work(argument));
  return pid;
}

static int wait_for(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  return status;
}

/// Sends the signal to its parent, waits, and ends with 7.
static int nudge(long signal) {
  rest(50);
  kill(getppid(), (int)signal);
  rest(50);
  return 7;
}

static int sleeper(long forever) {
  do pause();
  while (forever == 0);
  return 0;
}

/// A call that waits, when a signal comes.
static void check_interruption(void) {
  int status;
  handle(SIGUSR1, 0);
  pid_t pid = start(nudge, SIGUSR1);
  check(waitpid(pid, &status, 0) == -1 && errno == EINTR && caught == 1, "a handler interrupts wait4",
        errno);
  check(WEXITSTATUS(wait_for(pid)) == 7, "and the child is still to be waited for", 0);

  handle(SIGUSR1, SA_RESTART);
  pid = start(nudge, SIGUSR1);
  check(waitpid(pid, &status, 0) == pid && caught == 1 && WEXITSTATUS(status) == 7,
        "with SA_RESTART wait4 goes on", errno);

  signal(SIGUSR1, SIG_IGN);
  pid = start(nudge, SIGUSR1);
  check(waitpid(pid, &status, 0) == pid, "an ignored signal interrupts nothing", errno);
  signal(SIGCONT, SIG_DFL);
  pid = start(nudge, SIGCONT);
  check(waitpid(pid, &status, 0) == pid, "nor does SIGCONT", errno);

  handle(SIGUSR1, SA_RESTART);
  pid = start(nudge, SIGUSR1);
  struct timespec time = {5, 0}, left = {0, 0};
  check(nanosleep(&time, &left) == -1 && errno == EINTR && left.tv_sec == 4,
        "nanosleep is interrupted in spite of SA_RESTART", left.tv_sec);
  wait_for(pid);
}

/// Sends SIGUSR1 to its parent, and then something through a pipe.
static int nudge_and_write(long to) {
  nudge(SIGUSR1);
  return (int)write((int)to, "x", 1);
}

static void check_pipes(void) {
  int ends[2];
  char byte = 0;
  check(pipe(ends) == 0, "pipe", errno);
  handle(SIGUSR1, 0);
  pid_t pid = start(nudge_and_write, ends[1]);
  check(read(ends[0], &byte, 1) == -1 && errno == EINTR && caught == 1, "a handler interrupts read",
        errno);
  check(read(ends[0], &byte, 1) == 1 && byte == 'x', "nothing was lost", errno);
  wait_for(pid);
  handle(SIGUSR1, SA_RESTART);
  pid = start(nudge_and_write, ends[1]);
  check(read(ends[0], &byte, 1) == 1 && caught == 1, "with SA_RESTART read goes on", errno);
  wait_for(pid);
  pid = start(nudge_and_write, ends[1]);
  struct pollfd wanted = {.fd = ends[0], .events = POLLIN};
  check(poll(&wanted, 1, 5000) == -1 && errno == EINTR, "poll does not", errno);
  wait_for(pid);
  sigset_t blocked, none;
  sigemptyset(&none);
  blocked = none;
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGUSR1);
  caught = 0;
  const struct timespec time = {5, 0};
  struct pollfd nothing = {.fd = -1};
  check(ppoll(&nothing, 1, &time, &none) == -1 && errno == EINTR && caught == 1,
        "ppoll lets in what its mask does", errno);
  raise(SIGUSR1);
  check(caught == 1, "and has put the old one back", caught);
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  handle(SIGPIPE, 0);
  close(ends[0]);
  check(write(ends[1], "x", 1) == -1 && errno == EPIPE && caught == 1, "SIGPIPE", caught);
  signal(SIGPIPE, SIG_DFL);
  close(ends[1]);
}

static void check_suspend(void) {
  sigset_t both, one, waiting;
  sigemptyset(&both);
  sigaddset(&both, SIGUSR1);
  sigaddset(&both, SIGUSR2);
  sigprocmask(SIG_BLOCK, &both, NULL);
  handle(SIGUSR1, SA_RESTART);
  handle(SIGUSR2, SA_RESTART);
  one = both;
  sigdelset(&one, SIGUSR1);
  raise(SIGUSR1);
  check(sigsuspend(&one) == -1 && errno == EINTR && caught == 1, "sigsuspend lets in what waits", caught);
  sigprocmask(SIG_BLOCK, NULL, &waiting);
  check(sigismember(&waiting, SIGUSR1), "the mask is back", 0);
  const pid_t pid = start(nudge, SIGUSR1);
  raise(SIGUSR2);
  check(sigsuspend(&one) == -1 && errno == EINTR && caught == 2, "and waits for what does not", caught);
  sigpending(&waiting);
  check(sigismember(&waiting, SIGUSR2), "what is blocked stays outside", 0);
  sigprocmask(SIG_UNBLOCK, &both, NULL);
  check(caught == 3, "until it is not", caught);
  wait_for(pid);

  sigprocmask(SIG_BLOCK, &both, NULL);
  const pid_t other = start(nudge, SIGUSR2);
  const struct timespec time = {5, 0};
  siginfo_t info;
  check(sigtimedwait(&both, &info, &time) == SIGUSR2 && info.si_pid == other,
        "sigtimedwait waits for a blocked signal", errno);
  wait_for(other);
  sigprocmask(SIG_UNBLOCK, &both, NULL);
  const pid_t third = start(nudge, SIGUSR1);
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  check(sigtimedwait(&one, &info, &time) == -1 && errno == EINTR, "another one interrupts it", errno);
  wait_for(third);
}

static void check_stops(void) {
  int status;
  handle(SIGCHLD, SA_RESTART);
  pid_t pid = start(sleeper, 0);
  kill(pid, SIGSTOP);
  check(waitpid(pid, &status, WUNTRACED) == pid && status == 0x137f, "a stop", status);
  check(caught == 1 && last_code == CLD_STOPPED && last_status == SIGSTOP && last_pid == pid,
        "SIGCHLD tells of it", last_code);
  check(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0, "it is told once", status);
  kill(pid, SIGTERM);
  rest(30);
  check(waitpid(pid, &status, WNOHANG) == 0, "who is stopped does not end by SIGTERM", status);
  kill(pid, SIGCONT);
  check(waitpid(pid, &status, WCONTINUED) == pid, "it goes on or has ended", errno);
  if (status == 0xffff) check(waitpid(pid, &status, 0) == pid, "and ends", errno);
  check(status == SIGTERM, "but when it goes on", status);

  pid = start(sleeper, 0);
  kill(pid, SIGSTOP);
  siginfo_t info = {0};
  check(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT) == 0 && info.si_code == CLD_STOPPED &&
            info.si_status == SIGSTOP && info.si_pid == pid && info.si_signo == SIGCHLD,
        "waitid", info.si_code);
  check(waitid(P_PGID, 0, &info, WSTOPPED) == 0 && info.si_pid == pid, "WNOWAIT left it", info.si_pid);
  kill(pid, SIGCONT);
  check(waitid(P_ALL, 0, &info, WCONTINUED) == 0 && info.si_code == CLD_CONTINUED &&
            info.si_status == SIGCONT,
        "waitid of one that goes on", info.si_code);
  check(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0 &&
            info.si_signo == 0,
        "nothing yet", info.si_pid);
  kill(pid, SIGSTOP);
  kill(pid, SIGKILL);
  check(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0 && info.si_code == CLD_KILLED &&
            info.si_status == SIGKILL,
        "SIGKILL ends a stop", info.si_code);
  check(waitid(P_ALL, 0, &info, WEXITED) == -1 && errno == ECHILD, "no child is left", errno);
  check(waitid(P_ALL, 0, &info, WNOHANG) == -1 && errno == EINVAL, "waitid for nothing", errno);
  check(waitid(P_PID, 0, &info, WEXITED) == -1 && errno == EINVAL, "waitid for process 0", errno);
  check(waitid(77, 0, &info, WEXITED) == -1 && errno == EINVAL, "waitid for what", errno);

  handle(SIGCHLD, SA_NOCLDSTOP);
  pid = start(sleeper, 0);
  kill(pid, SIGSTOP);
  check(waitpid(pid, &status, WUNTRACED) == pid && caught == 0, "SA_NOCLDSTOP", caught);
  kill(pid, SIGKILL);
  wait_for(pid);
  signal(SIGCHLD, SIG_DFL);
}

/// A sleep goes on over a stop, and is no longer for it.
static int sleep_well(long unused) {
  (void)unused;
  struct timespec begin, time = {0, 300000000};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  if (nanosleep(&time, NULL) != 0) return 1;
  const long all = passed(&begin);
  return all < 300 ? 2 : all > 2000 ? 3 : 0;
}

static void check_sleep(void) {
  int status;
  const pid_t pid = start(sleep_well, 0);
  for (int i = 0; i < 3; ++i) {
    rest(40);
    kill(pid, SIGSTOP);
    check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "stopped in its sleep", status);
    kill(pid, SIGCONT);
  }
  check(wait_for(pid) == 0, "a stop does not end a sleep, nor make it longer", 0);
}

static void check_pending_stop(void) {
  sigset_t set, waiting;
  sigemptyset(&set);
  sigaddset(&set, SIGTSTP);
  sigaddset(&set, SIGCONT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGTSTP);
  raise(SIGCONT);
  sigpending(&waiting);
  check(sigismember(&waiting, SIGCONT) && !sigismember(&waiting, SIGTSTP),
        "SIGCONT takes back what would stop", 0);
  raise(SIGTSTP);
  sigpending(&waiting);
  check(!sigismember(&waiting, SIGCONT) && sigismember(&waiting, SIGTSTP), "and the other way round", 0);
  raise(SIGCONT);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/// In a group of its own, whose parent is outside of it and of the same session.
static int stop_myself(long signal) {
  raise((int)signal);
  return 9;
}

/// A grandchild's group is an orphan once this ends; it is stopped then. Its own child is in the same group.
static int leave_orphan(long signal) {
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    raise((int)signal);
    pause();
  }
  int status;
  waitpid(pid, &status, WUNTRACED);
  return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

static int in_own_session(long signal) {
  setsid();
  const pid_t pid = start(stop_myself, signal);  // in the leader's group, which is an orphan
  int status;
  waitpid(pid, &status, WUNTRACED);
  if (WIFSTOPPED(status)) {
    kill(pid, SIGKILL);
    return 100 + WSTOPSIG(status);
  }
  return WEXITSTATUS(status);
}

static void check_orphans(void) {
  check(WEXITSTATUS(wait_for(start(in_own_session, SIGTSTP))) == 9, "SIGTSTP does not stop orphans", 0);
  check(WEXITSTATUS(wait_for(start(in_own_session, SIGTTIN))) == 9, "nor does SIGTTIN", 0);
  check(WEXITSTATUS(wait_for(start(in_own_session, SIGSTOP))) == 119, "but SIGSTOP does", 0);
  check(WEXITSTATUS(wait_for(start(leave_orphan, SIGTSTP))) == SIGTSTP, "SIGTSTP stops a group with a parent",
        0);
}

static void check_groups(void) {
  const pid_t a = start(sleeper, 0), b = start(sleeper, 0);
  setpgid(a, a);
  setpgid(b, a);
  check(kill(-a, 0) == 0, "a group", errno);
  check(kill(-a, SIGTERM) == 0, "kill of a group", errno);
  check(wait_for(a) == SIGTERM && wait_for(b) == SIGTERM, "reaches all of it", 0);
  check(kill(-a, SIGTERM) == -1 && errno == ESRCH, "then it is gone", errno);
}

/// A parent in vfork() ends by SIGKILL while its child goes on.
static int vfork_for_long(long unused) {
  (void)unused;
  if (vfork() == 0) {
    struct timespec time = {0, 400000000};
    nanosleep(&time, NULL);
    _exit(0);
  }
  return 0;
}

static int lead(long unused) {
  (void)unused;
  return setpgid(0, 0);
}
static int follow(long group) { return setpgid(0, (pid_t)group) == 0 ? getpgid(0) != group : errno; }

/// A group is there until the last of it has been waited for: a shell puts the second process of a pipeline into
/// the first one's, which may have ended.
static void check_groups_of_the_ended(void) {
  siginfo_t info;
  const pid_t leader = start(lead, 0);
  IS(waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT), 0);
  IS(kill(-leader, 0), 0);
  IS(kill(-leader, SIGTERM), 0);
  IS(RESULT(getpgid(leader)), leader);
  IS(wait_for(start(follow, leader)), 0);
  IS(wait_for(leader), 0);
  IS(RESULT(kill(-leader, 0)), -ESRCH);
  IS(wait_for(start(follow, leader)), EPERM << 8);
}

static void check_vfork(void) {
  const pid_t pid = start(vfork_for_long, 0);
  rest(100);
  struct timespec begin;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  kill(pid, SIGKILL);
  check(wait_for(pid) == SIGKILL && passed(&begin) < 250, "SIGKILL ends a vfork", passed(&begin));
  handle(SIGUSR1, SA_RESTART);
  const pid_t other = start(vfork_for_long, 0);
  rest(50);
  kill(other, SIGUSR1);
  check(wait_for(other) == 0, "no other signal does", 0);
}

int main(void) {
  check_interruption();
  check_pipes();
  check_suspend();
  check_stops();
  check_sleep();
  check_pending_stop();
  check_orphans();
  check_groups();
  check_groups_of_the_ended();
  check_vfork();
  return finish();
}

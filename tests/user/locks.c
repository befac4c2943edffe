// SPDX-License-Identifier: MIT
/// Record locks of files (fcntl): who is kept from what, how locks are cut and joined, what ends them, and who may
/// wait for whom.
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static char name[64];
static int file;

static struct flock part(int type, long start, long size) {
  return (struct flock){.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};
}
static long set(int type, long start, long size) {
  struct flock lock = part(type, start, size);
  return RESULT(fcntl(file, F_SETLK, &lock));
}
static long set_and_wait(int type, long start, long size) {
  struct flock lock = part(type, start, size);
  return RESULT(fcntl(file, F_SETLKW, &lock));
}

/// What a process of its own finds where it wants to write `size` bytes at `start`: -1 for nothing, else where the
/// first lock in the way begins, which has `found_size` bytes.
static int ask(long start, long size, int* type, long* found_size) {
  int ends[2];
  struct flock lock = part(F_WRLCK, start, size);
  if (pipe(ends) != 0) return -2;
  const pid_t me = getpid(), pid = fork();
  if (pid == 0) {
    if (fcntl(file, F_GETLK, &lock) != 0 || (lock.l_type != F_UNLCK && lock.l_pid != me)) lock.l_start = -3;
    _exit(write(ends[1], &lock, sizeof lock) != sizeof lock);
  }
  if (read(ends[0], &lock, sizeof lock) != sizeof lock) lock.l_start = -4;
  close(ends[0]), close(ends[1]);
  waitpid(pid, NULL, 0);
  *type = lock.l_type, *found_size = lock.l_len;
  return lock.l_type == F_UNLCK ? -1 : (int)lock.l_start;
}
static void finds(int line, long start, long size, int at, int type, long found_size) {
  int got_type = 0;
  long got_size = 0;
  same("the lock in the way", line, ask(start, size, &got_type, &got_size), at);
  if (at < 0) return;
  same("its type", line, got_type, type);
  same("its size", line, got_size, found_size);
}
#define FINDS(...) finds(__LINE__, __VA_ARGS__)
#define FINDS_NOTHING(start, size) finds(__LINE__, start, size, -1, 0, 0)

/// In a process of its own.
static int status_of(int (*act)(void)) {
  int status = -1;
  const pid_t pid = fork();
  if (pid == 0) _exit(act());
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
static int try_shared(void) { return (int)-set(F_RDLCK, 0, 1); }
static int try_exclusive(void) { return (int)-set(F_WRLCK, 0, 1); }

static void cut_and_joined(void) {
  IS(set(F_WRLCK, 100, 100), 0);
  FINDS(0, 0, 100, F_WRLCK, 100);
  FINDS_NOTHING(0, 100);
  FINDS_NOTHING(200, 0);
  FINDS(199, 1, 100, F_WRLCK, 100);
  IS(set(F_UNLCK, 140, 20), 0);
  FINDS(0, 0, 100, F_WRLCK, 40);
  FINDS(140, 0, 160, F_WRLCK, 40);
  FINDS_NOTHING(140, 20);
  IS(set(F_RDLCK, 180, 5), 0);
  FINDS(165, 0, 160, F_WRLCK, 20);
  FINDS(180, 1, 180, F_RDLCK, 5);
  FINDS(185, 0, 185, F_WRLCK, 15);
  IS(set(F_WRLCK, 140, 20), 0);
  FINDS(0, 0, 100, F_WRLCK, 80);
  IS(set(F_WRLCK, 180, 5), 0);
  FINDS(0, 0, 100, F_WRLCK, 100);
  IS(set(F_WRLCK, 200, 50), 0);
  FINDS(0, 0, 100, F_WRLCK, 150);
  IS(set(F_UNLCK, 0, 0), 0);
  FINDS_NOTHING(0, 0);
  IS(set(F_WRLCK, 50, 0), 0);
  FINDS(1L << 40, 1, 50, F_WRLCK, 0);
  IS(set(F_UNLCK, 1000, 0), 0);
  FINDS(0, 0, 50, F_WRLCK, 950);
  IS(set(F_WRLCK, 100, -50), 0);  // what it has already
  FINDS(0, 0, 50, F_WRLCK, 950);
  IS(set(F_UNLCK, 0, 0), 0);
}

static void kept_from(void) {
  IS(set(F_RDLCK, 0, 10), 0);
  IS(status_of(try_shared), 0);
  IS(status_of(try_exclusive), EAGAIN);
  IS(set(F_WRLCK, 0, 10), 0);
  IS(status_of(try_shared), EAGAIN);
  IS(set(F_UNLCK, 0, 10), 0);
  IS(status_of(try_exclusive), 0);
  IS(status_of(try_exclusive), 0);  // its end was its locks'
}

/// Any descriptor of the file that is closed ends them all.
static void ended_by_close(void) {
  IS(set(F_WRLCK, 0, 10), 0);
  close(open(name, O_RDONLY));
  FINDS_NOTHING(0, 0);
  IS(set(F_WRLCK, 0, 10), 0);
  const int other = open("/dev/null", O_RDONLY), copy = dup(file);
  close(other);
  FINDS(0, 0, 0, F_WRLCK, 10);
  IS(dup2(1, copy), copy);
  FINDS_NOTHING(0, 0);
  close(copy);
}

static int wait_and_say(void) {
  if (set_and_wait(F_WRLCK, 0, 10) != 0) return 1;
  char byte = 0;
  if (pread(file, &byte, 1, 0) != 1) return 2;
  return byte;
}
static void waited_for(void) {
  IS(set(F_WRLCK, 0, 10), 0);
  const pid_t pid = fork();
  if (pid == 0) _exit(wait_and_say());
  usleep(20000);
  IS(pwrite(file, "*", 1, 0), 1);
  IS(set(F_UNLCK, 0, 10), 0);
  int status = 0;
  waitpid(pid, &status, 0);
  IS(status, '*' << 8);
}

static void nothing(int signal) { (void)signal; }
static int wait_until_told(void) {
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  return (int)-set_and_wait(F_WRLCK, 0, 10);
}
static int have_and_want(void) {
  if (set(F_WRLCK, 100, 1) != 0) return 1;
  return set_and_wait(F_WRLCK, 0, 1) == 0 ? 0 : 3;
}
/// Until the process sleeps.
static void wait_for_sleep(pid_t pid) {
  char path[40], text[200];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  for (;;) {
    const int stat = open(path, O_RDONLY);
    const long size = read(stat, text, sizeof text - 1);
    close(stat);
    if (size <= 0) return;
    text[size] = 0;
    if (strstr(text, ") S ") != NULL) return;
    usleep(1000);
  }
}

static void not_for_ever(void) {
  IS(set(F_WRLCK, 0, 10), 0);
  IS(status_of(wait_until_told), EINTR);
  const pid_t pid = fork();
  if (pid == 0) _exit(have_and_want());
  wait_for_sleep(pid);  // for byte 0
  IS(set_and_wait(F_WRLCK, 100, 1), -EDEADLK);
  IS(set(F_UNLCK, 0, 10), 0);
  int status = -1;
  waitpid(pid, &status, 0);
  IS(status, 0);
  IS(set_and_wait(F_WRLCK, 100, 1), 0);
  IS(set(F_UNLCK, 0, 0), 0);
}

static void refused(void) {
  struct flock lock = part(7, 0, 1);
  IS(RESULT(fcntl(file, F_SETLK, &lock)), -EINVAL);
  IS(RESULT(fcntl(file, F_GETLK, &lock)), -EINVAL);
  lock = part(F_UNLCK, 0, 1);
  IS(RESULT(fcntl(file, F_GETLK, &lock)), -EINVAL);
  lock.l_whence = 9;
  IS(RESULT(fcntl(file, F_SETLK, &lock)), -EINVAL);
  IS(set(F_WRLCK, -1, 1), -EINVAL);
  IS(set(F_WRLCK, 10, -11), -EINVAL);
  IS(set(F_WRLCK, 10, -10), 0);
  IS(set(F_UNLCK, 0, 0), 0);
  IS(set(F_WRLCK, 0x7fffffffffffffff, 2), -EOVERFLOW);
  lock = part(F_WRLCK, 0x7fffffffffffffff, 0);
  lock.l_whence = SEEK_END;
  IS(RESULT(fcntl(file, F_GETLK, &lock)), -EOVERFLOW);
  IS(ANSWER(SYS_fcntl, file, F_SETLK, BAD), -EFAULT);
  IS(ANSWER(SYS_fcntl, file, F_GETLK, BAD), -EFAULT);
  IS(ANSWER(SYS_fcntl, 99, F_SETLK, BAD), -EBADF);
  const int readable = open(name, O_RDONLY), writable = open(name, O_WRONLY);
  lock = part(F_WRLCK, 0, 1);
  IS(RESULT(fcntl(readable, F_SETLK, &lock)), -EBADF);
  lock.l_type = F_RDLCK;
  IS(RESULT(fcntl(writable, F_SETLK, &lock)), -EBADF);
  IS(RESULT(fcntl(readable, F_SETLK, &lock)), 0);
  close(readable), close(writable);
}

int main(void) {
  snprintf(name, sizeof name, "/tmp/locks.%d", getpid());
  file = open(name, O_RDWR | O_CREAT, 0600);
  IS(write(file, "0123456789", 10), 10);
  cut_and_joined();
  kept_from();
  ended_by_close();
  waited_for();
  not_for_ever();
  refused();
  // From where the file is read next, and from its end.
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 2};
  IS(RESULT(fcntl(file, F_SETLK, &lock)), 0);
  FINDS(0, 0, 8, F_WRLCK, 2);
  IS(lseek(file, 3, SEEK_SET), 3);
  lock.l_whence = SEEK_CUR, lock.l_start = 0, lock.l_len = 1;
  IS(RESULT(fcntl(file, F_SETLK, &lock)), 0);
  FINDS(0, 0, 3, F_WRLCK, 1);
  close(file);
  unlink(name);
  return finish();
}

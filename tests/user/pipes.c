// SPDX-License-Identifier: MIT
/// Pipes, and waiting for files: what fits, what blocks, who is told, and how it ends.
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char big[1 << 20];

static void make(int ends[2], int flags) { IS(pipe2(ends, flags), 0); }
static void drop(int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}
static int status_of(int pid) {
  int status = -1;
  IS(waitpid(pid, &status, 0), pid);
  return status;
}

static void bytes(void) {
  int ends[2], count = -1;
  char text[16] = "";
  make(ends, 0);
  IS(write(ends[1], "hello", 5), 5);
  IS(ioctl(ends[0], FIONREAD, &count), 0);
  IS(count, 5);
  IS(read(ends[0], text, 2), 2);
  IS(read(ends[0], text, 16), 3);
  IS(memcmp(text, "llo", 3), 0);
  struct iovec pieces[3] = {{"ab", 2}, {"", 0}, {"cd", 2}};
  IS(writev(ends[1], pieces, 3), 4);
  IS(read(ends[0], text, 16), 4);
  IS(RESULT(read(ends[1], text, 1)), -EBADF);
  IS(RESULT(write(ends[0], text, 1)), -EBADF);
  IS(RESULT(lseek(ends[0], 0, SEEK_CUR)), -ESPIPE);
  IS(RESULT(pread(ends[0], text, 1, 0)), -ESPIPE);
  IS(RESULT(ftruncate(ends[1], 0)), -EINVAL);
  IS(RESULT(fsync(ends[1])), -EINVAL);
  IS(ANSWER(SYS_write, ends[1], BAD, 4), -EFAULT);
  IS(write(ends[1], "xy", 2), 2);
  IS(ANSWER(SYS_read, ends[0], BAD, 2), -EFAULT);
  IS(read(ends[0], text, 16), 2);
  IS(RESULT(pipe2(ends, 0x1234567)), -EINVAL);
  IS(ANSWER(SYS_pipe2, BAD, 0), -EFAULT);
  close(ends[1]);
  IS(read(ends[0], text, 16), 0);
  close(ends[0]);
}

static void room(void) {
  int ends[2];
  make(ends, O_NONBLOCK | O_CLOEXEC);
  IS(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
  HOLDS(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
  IS(RESULT(read(ends[0], big, 1)), -EAGAIN);
  IS(fcntl(ends[0], F_GETPIPE_SZ), 65536);
  IS(write(ends[1], big, sizeof big), 65536);
  IS(RESULT(write(ends[1], big, 1)), -EAGAIN);
  IS(read(ends[0], big, 4096), 4096);
  IS(write(ends[1], big, 4096), 4096);
  IS(fcntl(ends[0], F_SETPIPE_SZ, 100000), 131072);
  IS(fcntl(ends[1], F_GETPIPE_SZ), 131072);
  IS(RESULT(fcntl(ends[0], F_SETPIPE_SZ, 4096)), -EBUSY);
  IS(read(ends[0], big, sizeof big), 65536);
  IS(fcntl(ends[0], F_SETPIPE_SZ, 1), 4096);
  drop(ends);
}

/// A pipe that nobody reads ends who writes to it, or tells him.
static void broken(void) {
  int ends[2];
  make(ends, 0);
  close(ends[0]);
  const int pid = fork();
  if (pid == 0) {
    write(ends[1], "x", 1);
    _exit(1);
  }
  IS(status_of(pid), SIGPIPE);
  close(ends[1]);
}

/// Nor may the last reader go while somebody writes: what was taken counts, and the signal comes as well.
static void broken_midway(void) {
  for (int ignores = 0; ignores < 2; ++ignores) {
    int ends[2];
    make(ends, 0);
    const int pid = fork();
    if (pid == 0) {
      if (ignores) signal(SIGPIPE, SIG_IGN);
      close(ends[0]);
      const long written = write(ends[1], big, sizeof big);
      _exit(written > 0 && written < (long)sizeof big && RESULT(write(ends[1], big, 1)) == -EPIPE ? 7 : 8);
    }
    close(ends[1]);
    IS(read(ends[0], big, 4096), 4096);
    close(ends[0]);
    IS(status_of(pid), ignores ? 7 << 8 : SIGPIPE);
  }
}

/// Many bytes, in order, between two processes; each waits for the other again and again.
static void stream(void) {
  int ends[2];
  make(ends, 0);
  const int pid = fork();
  if (pid == 0) {
    close(ends[0]);
    for (unsigned i = 0; i < sizeof big; ++i) big[i] = (char)(i * 7 + i / 4096);
    long sent = 0;
    for (long size = 1; sent < (long)sizeof big; sent += size, size = size * 3 % 70001 + 1) {
      if (size > (long)sizeof big - sent) size = (long)sizeof big - sent;
      if (write(ends[1], big + sent, size) != size) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  long got, total = 0, wrong = 0;
  static char piece[5000];
  while ((got = read(ends[0], piece, sizeof piece)) > 0)
    for (long i = 0; i < got; ++i, ++total)
      wrong += piece[i] != (char)((unsigned)total * 7 + (unsigned)total / 4096);
  IS(got, 0);
  IS(total, sizeof big);
  IS(wrong, 0);
  IS(status_of(pid), 0);
  close(ends[0]);
}

/// Two writers and two readers of records that fit into one atomic write each.
static void records(void) {
  int ends[2], back[2];
  make(ends, 0);
  make(back, 0);
  for (int who = 0; who < 2; ++who)
    if (fork() == 0) {
      int record[64];
      for (int i = 0; i < 500; ++i) {
        for (int word = 0; word < 64; ++word) record[word] = who * 1000 + i;
        if (write(ends[1], record, sizeof record) != sizeof record) _exit(1);
      }
      _exit(0);
    }
  close(ends[1]);
  for (int reader = 0; reader < 2; ++reader)
    if (fork() == 0) {
      int record[64], sums[2] = {0, 0};
      for (long got; (got = read(ends[0], record, sizeof record)) != 0; ++sums[0]) {
        if (got != sizeof record) _exit(1);
        for (int word = 1; word < 64; ++word)
          if (record[word] != record[0]) _exit(2);
        sums[1] += record[0];
      }
      write(back[1], sums, sizeof sums);
      _exit(0);
    }
  for (int i = 0, status; i < 4; ++i) {
    HOLDS(wait(&status) > 0);
    IS(status, 0);
  }
  int sums[4];
  IS(read(back[0], sums, sizeof sums), sizeof sums);
  IS(sums[0] + sums[2], 1000);
  IS(sums[1] + sums[3], 499 * 500 + 500 * 1000);
  close(ends[0]);
  drop(back);
}

static void polling(void) {
  int a[2], b[2];
  make(a, 0);
  make(b, 0);
  struct pollfd fds[4] = {
      {a[0], POLLIN, 0}, {b[0], POLLIN, 0}, {a[1], POLLOUT, 0}, {-1, POLLIN, 77}};
  IS(poll(fds, 2, 0), 0);
  IS(poll(fds, 4, -1), 1);
  IS(fds[2].revents, POLLOUT);
  IS(fds[3].revents, 0);
  write(b[1], "x", 1);
  IS(poll(fds, 2, -1), 1);
  IS(fds[0].revents, 0);
  IS(fds[1].revents, POLLIN);
  close(a[1]);
  IS(poll(fds, 1, 1000), 1);
  IS(fds[0].revents, POLLHUP);
  close(b[0]);
  fds[0] = (struct pollfd){b[1], POLLOUT, 0};
  IS(poll(fds, 1, 0), 1);
  IS(fds[0].revents, POLLOUT | POLLERR);
  fds[0] = (struct pollfd){99, POLLIN, 0};
  IS(poll(fds, 1, -1), 1);
  IS(fds[0].revents, POLLNVAL);
  const int plain = open("/dev/null", O_RDWR);
  fds[0] = (struct pollfd){plain, POLLIN | POLLOUT, 0};
  IS(poll(fds, 1, -1), 1);
  IS(fds[0].revents, POLLIN | POLLOUT);
  struct timespec bad = {0, 1000000000}, short_time = {0, 2000000};
  IS(ANSWER(SYS_ppoll, fds, 1, &bad, NULL, 8), -EINVAL);
  IS(ANSWER(SYS_ppoll, BAD, 1, NULL, NULL, 8), -EFAULT);
  IS(ANSWER(SYS_ppoll, fds, 1, NULL, fds, 7), -EINVAL);
  IS(ANSWER(SYS_ppoll, NULL, 0, &short_time, NULL, 8), 0);
  IS(short_time.tv_sec, 0);
  IS(short_time.tv_nsec, 0);
  close(plain);
  close(a[0]);
  close(b[1]);
}

static void selecting(void) {
  int ends[2];
  make(ends, 0);
  fd_set in, out;
  struct timeval none = {0, 0};
  FD_ZERO(&in);
  FD_ZERO(&out);
  FD_SET(ends[0], &in);
  IS(select(ends[1] + 1, &in, NULL, NULL, &none), 0);
  HOLDS(!FD_ISSET(ends[0], &in));
  FD_SET(ends[0], &in);
  FD_SET(ends[1], &out);
  IS(select(ends[1] + 1, &in, &out, NULL, NULL), 1);
  HOLDS(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
  write(ends[1], "x", 1);
  FD_SET(ends[0], &in);
  IS(select(ends[1] + 1, &in, &out, NULL, NULL), 2);
  FD_ZERO(&in);
  FD_SET(200, &in);
  IS(RESULT(select(201, &in, NULL, NULL, &none)), -EBADF);
  IS(ANSWER(SYS_pselect6, -1, NULL, NULL, NULL, NULL, NULL), -EINVAL);
  IS(ANSWER(SYS_pselect6, 1, BAD, NULL, NULL, NULL, NULL), -EFAULT);
  drop(ends);
}

/// Who sleeps in poll() is woken by what happens in another process.
static void waking(void) {
  int there[2], back[2];
  make(there, 0);
  make(back, 0);
  const int pid = fork();
  if (pid == 0) {
    struct pollfd fd = {there[0], POLLIN, 0};
    char byte;
    for (int i = 0; i < 50; ++i)
      if (poll(&fd, 1, -1) != 1 || read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
        _exit(1);
    _exit(0);
  }
  struct pollfd fd = {back[0], POLLIN, 0};
  for (int i = 0; i < 50; ++i) {
    char byte = (char)i, answer = -1;
    IS(write(there[1], &byte, 1), 1);
    IS(poll(&fd, 1, -1), 1);
    IS(read(back[0], &answer, 1), 1);
    IS(answer, byte);
  }
  IS(status_of(pid), 0);
  drop(there);
  drop(back);
}

/// A write that meets memory that is not there: what is in one piece is not made at all.
static void faults(void) {
  int ends[2];
  make(ends, O_NONBLOCK);
  char* const page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(page, 'p', 8192);
  munmap(page + 4096, 4096);
  IS(ANSWER(SYS_write, ends[1], page + 4000, 200), -EFAULT);
  IS(RESULT(read(ends[0], big, 1)), -EAGAIN);
  IS(write(ends[1], page, 4096), 4096);
  IS(read(ends[0], big, 5000), 4096);
  drop(ends);
  munmap(page, 4096);
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);  // whoever started this may ignore it
  bytes();
  room();
  broken();
  broken_midway();
  stream();
  records();
  polling();
  selecting();
  waking();
  faults();
  return finish();
}

// SPDX-License-Identifier: MIT
/// Open files: bytes, places, sizes, descriptors, and the errors of all these calls.
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef SYS_memfd_create
#define SYS_memfd_create 279
#endif

static char name[64];

/// A page with nothing behind it.
static char* last_page(void) {
  char* const two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + 4096, 4096);
  return two;
}

static int fresh(int flags) { return open(name, O_CREAT | O_TRUNC | flags, 0644); }

static void reads_and_writes(void) {
  char text[64] = "";
  const int fd = fresh(O_RDWR);
  HOLDS(fd >= 3);
  IS(write(fd, "0123456789", 10), 10);
  IS(read(fd, text, 4), 0);
  IS(lseek(fd, 2, SEEK_SET), 2);
  IS(read(fd, text, 4), 4);
  IS(memcmp(text, "2345", 4), 0);
  IS(pread(fd, text, 64, 7), 3);
  IS(memcmp(text, "789", 3), 0);
  IS(pread(fd, text, 64, 10), 0);
  IS(pread(fd, text, 64, 1000), 0);
  IS(lseek(fd, 0, SEEK_CUR), 6);
  IS(pwrite(fd, "x", 1, 5000), 1);
  IS(lseek(fd, 0, SEEK_END), 5001);
  IS(pread(fd, text, 3, 4998), 3);
  IS(memcmp(text, "\0\0x", 3), 0);
  IS(lseek(fd, -5001, SEEK_CUR), 0);
  IS(RESULT(lseek(fd, -1, SEEK_CUR)), -EINVAL);
  IS(RESULT(lseek(fd, 0, 99)), -EINVAL);
  IS(RESULT(lseek(fd, 5001, SEEK_DATA)), -ENXIO);
  IS(RESULT(pread(fd, text, 1, -1)), -EINVAL);
  IS(RESULT(pwrite(fd, text, 1, -1)), -EINVAL);
  IS(read(fd, text, 0), 0);
  IS(write(fd, NULL, 0), 0);
  close(fd);
}

/// What lies before a fault counts.
static void faults(void) {
  char* const page = last_page();
  memset(page, 'a', 4096);
  const int fd = fresh(O_RDWR);
  IS(ANSWER(SYS_write, fd, BAD, 10), -EFAULT);
  IS(ANSWER(SYS_read, fd, BAD, 10), -EFAULT);
  IS(write(fd, page, 4096), 4096);
  lseek(fd, 0, SEEK_SET);
  IS(ANSWER(SYS_read, fd, page + 4096, 10), -EFAULT);
  IS(ANSWER(SYS_read, 99, BAD, 10), -EBADF);
  IS(ANSWER(SYS_read, fd, page, -1L), -EFAULT);
  IS(lseek(fd, 0, SEEK_CUR), 0);
  struct stat status;
  IS(fstat(fd, &status), 0);
  IS(status.st_size, 4096);
  IS(ANSWER(SYS_fstat, fd, BAD), -EFAULT);
  close(fd);
  munmap(page, 4096);
}

static void modes(void) {
  char byte = 0;
  int fd = fresh(O_WRONLY);
  IS(RESULT(read(fd, &byte, 1)), -EBADF);
  IS(RESULT(pread(fd, &byte, 1, 0)), -EBADF);
  close(fd);
  fd = open(name, O_RDONLY);
  IS(RESULT(write(fd, &byte, 1)), -EBADF);
  IS(RESULT(ftruncate(fd, 0)), -EINVAL);
  close(fd);
  IS(RESULT(read(fd, &byte, 1)), -EBADF);
  IS(RESULT(close(fd)), -EBADF);
  IS(RESULT(close(-1)), -EBADF);
  fd = open("/tmp", O_RDONLY);
  IS(RESULT(read(fd, &byte, 1)), -EISDIR);
  close(fd);
  fd = fresh(O_WRONLY | O_APPEND);
  IS(write(fd, "one", 3), 3);
  lseek(fd, 0, SEEK_SET);
  IS(write(fd, "two", 3), 3);
  IS(lseek(fd, 0, SEEK_CUR), 6);
  close(fd);
  fd = open(name, O_PATH);
  HOLDS(fd >= 0);
  IS(RESULT(read(fd, &byte, 1)), -EBADF);
  IS(RESULT(fchmod(fd, 0600)), -EBADF);
  IS(RESULT(ioctl(fd, FIONREAD, &byte)), -EBADF);
  struct stat status;
  IS(fstat(fd, &status), 0);
  IS(status.st_size, 6);
  close(fd);
}

static void vectors(void) {
  char a[4] = "", b[8] = "";
  struct iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cdefg", 5}};
  struct iovec in[2] = {{a, 3}, {b, 8}};
  const int fd = fresh(O_RDWR);
  IS(writev(fd, out, 3), 7);
  lseek(fd, 0, SEEK_SET);
  IS(readv(fd, in, 2), 7);
  IS(memcmp(a, "abc", 3), 0);
  IS(memcmp(b, "defg", 4), 0);
  IS(preadv(fd, in, 1, 4), 3);
  IS(memcmp(a, "efg", 3), 0);
  IS(pwritev(fd, out, 1, 5), 2);
  IS(ANSWER(SYS_readv, fd, in, -1L), -EINVAL);
  IS(ANSWER(SYS_writev, fd, out, 1025L), -EINVAL);
  IS(ANSWER(SYS_writev, fd, BAD, 1), -EFAULT);
  IS(writev(fd, out, 0), 0);
  out[2].iov_len = (size_t)-1;
  IS(RESULT(writev(fd, out, 3)), -EINVAL);
  struct iovec many[100];
  for (int i = 0; i < 100; ++i) many[i] = (struct iovec){"z", 1};
  IS(writev(fd, many, 100), 100);
  close(fd);
}

static void sizes(void) {
  const int fd = fresh(O_RDWR);
  struct stat status;
  char byte = 1;
  IS(ftruncate(fd, 10000), 0);
  IS(fstat(fd, &status), 0);
  IS(status.st_size, 10000);
  IS(pread(fd, &byte, 1, 9999), 1);
  IS(byte, 0);
  IS(pwrite(fd, "xyz", 3, 0), 3);
  IS(truncate(name, 1), 0);
  IS(truncate(name, 3), 0);
  char text[4] = "";
  IS(pread(fd, text, 4, 0), 3);
  IS(memcmp(text, "x\0\0", 3), 0);
  IS(RESULT(ftruncate(fd, -1)), -EINVAL);
  IS(RESULT(truncate("/tmp", 0)), -EISDIR);
  IS(RESULT(truncate("/tmp/nobody", 0)), -ENOENT);
  IS(RESULT(truncate(name, -1)), -EINVAL);
  IS(fallocate(fd, 0, 0, 8192), 0);
  IS(fstat(fd, &status), 0);
  IS(status.st_size, 8192);
  IS(status.st_blocks, 16);
  IS(RESULT(fallocate(fd, 0, -1, 1)), -EINVAL);
  IS(RESULT(fallocate(fd, 0, 0, 0)), -EINVAL);
  IS(RESULT(fallocate(99, 0, 0, 1)), -EBADF);
  IS(fsync(fd), 0);
  IS(fdatasync(fd), 0);
  IS(RESULT(fsync(99)), -EBADF);
  IS(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
  IS(posix_fadvise(fd, 0, 0, 77), EINVAL);
  close(fd);
}

static void descriptors(void) {
  const int fd = fresh(O_RDWR);
  IS(write(fd, "hello", 5), 5);
  const int twin = dup(fd);
  HOLDS(twin > fd);
  IS(lseek(twin, 0, SEEK_CUR), 5);
  IS(dup2(fd, 40), 40);
  IS(RESULT(dup3(fd, fd, 0)), -EINVAL);
  IS(RESULT(dup3(fd, 41, 1)), -EINVAL);
  IS(RESULT(dup3(99, 41, 0)), -EBADF);
  IS(RESULT(dup3(fd, 1 << 20, 0)), -EBADF);
  IS(RESULT(dup(-5)), -EBADF);
  IS(fcntl(40, F_GETFD), 0);
  IS(dup3(fd, 40, O_CLOEXEC), 40);
  IS(fcntl(40, F_GETFD), FD_CLOEXEC);
  IS(fcntl(40, F_SETFD, 0), 0);
  IS(fcntl(40, F_GETFD), 0);
  IS(fcntl(fd, F_DUPFD, 50), 50);
  IS(fcntl(fd, F_DUPFD_CLOEXEC, 50), 51);
  IS(fcntl(51, F_GETFD), FD_CLOEXEC);
  IS(RESULT(fcntl(fd, F_DUPFD, -1)), -EINVAL);
  IS(RESULT(fcntl(99, F_GETFD)), -EBADF);
  IS(RESULT(fcntl(fd, 12345)), -EINVAL);
  IS(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT | O_TRUNC), O_RDWR);
  IS(fcntl(fd, F_SETFL, O_APPEND), 0);
  IS(fcntl(twin, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
  IS(RESULT(fcntl(fd, F_GETPIPE_SZ)), -EBADF);
  IS(ANSWER(SYS_close_range, 40, 51, 0), 0);
  IS(RESULT(fcntl(40, F_GETFD)), -EBADF);
  IS(RESULT(fcntl(51, F_GETFD)), -EBADF);
  IS(ANSWER(SYS_close_range, 3, 2, 0), -EINVAL);
  IS(ANSWER(SYS_close_range, 3, 4, 64), -EINVAL);
  int bytes = -1;
  lseek(fd, 1, SEEK_SET);
  IS(ioctl(fd, FIONREAD, &bytes), 0);
  IS(bytes, 4);
  IS(RESULT(ioctl(fd, TCGETS, &bytes)), -ENOTTY);
  IS(ioctl(fd, FIOCLEX), 0);
  IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
  close(fd);
  close(twin);
}

/// The child's position is the parent's.
static void forks(void) {
  const int fd = fresh(O_RDWR);
  IS(write(fd, "abc", 3), 3);
  const int pid = fork();
  if (pid == 0) _exit(lseek(fd, 1, SEEK_SET) != 1);
  int status = -1;
  IS(waitpid(pid, &status, 0), pid);
  IS(status, 0);
  IS(lseek(fd, 0, SEEK_CUR), 1);
  close(fd);
}

static void copies(void) {
  char text[16] = "";
  const int in = fresh(O_RDWR);
  IS(write(in, "0123456789", 10), 10);
  const int out = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  HOLDS(out >= 0);
  off_t at = 3;
  IS(sendfile(out, in, &at, 4), 4);
  IS(at, 7);
  IS(lseek(in, 2, SEEK_SET), 2);
  IS(sendfile(out, in, NULL, 100), 8);
  IS(lseek(in, 0, SEEK_CUR), 10);
  IS(pread(out, text, 16, 0), 12);
  IS(memcmp(text, "345623456789", 12), 0);
  IS(RESULT(sendfile(99, in, NULL, 1)), -EBADF);
  IS(RESULT(sendfile(out, 99, NULL, 1)), -EBADF);
  loff_t from = 0, to = 1;
  IS(copy_file_range(in, &from, out, &to, 2, 0), 2);
  IS(from, 2);
  IS(to, 3);
  IS(pread(out, text, 4, 0), 4);
  IS(memcmp(text, "3016", 4), 0);
  IS(RESULT(copy_file_range(in, NULL, out, NULL, 1, 7)), -EINVAL);
  close(in);
  close(out);
}

static void special_files(void) {
  char text[8] = "1234567";
  int fd = open("/dev/zero", O_RDWR);
  IS(read(fd, text, 8), 8);
  IS(text[0] | text[7], 0);
  IS(write(fd, text, 8), 8);
  close(fd);
  fd = open("/dev/null", O_RDWR);
  IS(read(fd, text, 8), 0);
  IS(write(fd, text, 8), 8);
  IS(RESULT(ioctl(fd, TCGETS, text)), -ENOTTY);
  close(fd);
  fd = open("/dev/full", O_RDWR);
  IS(RESULT(write(fd, text, 8)), -ENOSPC);
  IS(read(fd, text, 8), 8);
  close(fd);
  fd = open("/dev/urandom", O_RDONLY);
  unsigned char bits = 0;
  for (int i = 0; i < 64; ++i) bits |= (read(fd, text, 8), text[i % 8]);
  IS(bits, 0xff);
  close(fd);
  fd = (int)ANSWER(SYS_memfd_create, "m", 1);
  HOLDS(fd >= 0);
  IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
  IS(write(fd, "abc", 3), 3);
  IS(pread(fd, text, 8, 1), 2);
  close(fd);
  IS(ANSWER(SYS_memfd_create, BAD, 0), -EFAULT);
  IS(ANSWER(SYS_memfd_create, "m", 0x8000), -EINVAL);
}

/// Below the limit there is a lowest free number, or none.
static void limits(void) {
  int last = -1, fd;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
  IS(errno, EMFILE);
  IS(RESULT(dup(0)), -EMFILE);
  int ends[2] = {-1, -1};
  IS(RESULT(pipe(ends)), -EMFILE);
  close(last);
  IS(RESULT(pipe(ends)), -EMFILE);
  IS(ends[0], -1);
  close(7);
  IS(open("/dev/null", O_RDONLY), 7);
  for (fd = 3; fd <= last; ++fd) close(fd);
}

/// Files may grow to RLIMIT_FSIZE, and no further.
static void size_limit(void) {
  const struct rlimit limit = {10000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
  static char bytes[8000];
  struct iovec pieces[2] = {{bytes, 3000}, {bytes, 3000}};
  const int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600), other = open(name, O_RDWR | O_APPEND);
  sigset_t blocked, pending;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGXFSZ);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  IS(setrlimit(RLIMIT_FSIZE, &limit), 0);
  IS(write(file, bytes, 8000), 8000);
  IS(write(file, bytes, 8000), 2000);
  IS(sigpending(&pending), 0);
  IS(sigismember(&pending, SIGXFSZ), 0);
  IS(RESULT(write(file, bytes, 1)), -EFBIG);
  IS(sigpending(&pending), 0);
  IS(sigismember(&pending, SIGXFSZ), 1);
  IS(write(file, bytes, 0), 0);
  IS(RESULT(write(other, bytes, 1)), -EFBIG);
  IS(RESULT(pwrite(file, bytes, 1, 10000)), -EFBIG);
  IS(pwrite(file, bytes, 8000, 9990), 10);
  IS(lseek(file, 5000, SEEK_SET), 5000);
  IS(writev(file, pieces, 2), 5000);
  IS(RESULT(ftruncate(file, 10001)), -EFBIG);
  IS(RESULT(truncate(name, 10001)), -EFBIG);
  IS(RESULT(fallocate(file, 0, 9000, 1001)), -EFBIG);
  IS(ftruncate(file, 10000), 0);
  IS(setrlimit(RLIMIT_FSIZE, &none), 0);
  IS(ftruncate(file, 20000), 0);
  IS(setrlimit(RLIMIT_FSIZE, &limit), 0);
  IS(ftruncate(file, 15000), 0);
  IS(setrlimit(RLIMIT_FSIZE, &none), 0);
  const struct timespec no_time = {0, 0};
  IS(sigtimedwait(&blocked, NULL, &no_time), SIGXFSZ);
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  close(other);
  close(file);
}

static void sockets(void) {
  IS(ANSWER(SYS_socket, 77, 1, 0), -EAFNOSUPPORT);
  IS(ANSWER(SYS_getpeername, 0, BAD, BAD), -ENOTSOCK);
  IS(ANSWER(SYS_connect, 99, BAD, 0), -EBADF);
}

int main(void) {
  snprintf(name, sizeof name, "/tmp/files.%d", getpid());
  reads_and_writes();
  faults();
  modes();
  vectors();
  sizes();
  descriptors();
  forks();
  copies();
  special_files();
  sockets();
  limits();
  size_limit();
  unlink(name);
  return finish();
}

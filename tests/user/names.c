// SPDX-License-Identifier: MIT
/// Names: directories, links, what is at a path, and the errors of the calls that take one.
#include "check.h"

#include <dirent.h>
#include <fcntl.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static char* last_bytes;  // a path here runs into nothing

static void make(const char* path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }

static struct stat at(const char* path, int flags) {
  struct stat status;
  memset(&status, 0xff, sizeof status);
  IS(fstatat(AT_FDCWD, path, &status, flags), 0);
  return status;
}

static void directories(void) {
  IS(mkdir("d", 0777), 0);
  IS(RESULT(mkdir("d", 0777)), -EEXIST);
  IS(RESULT(mkdir("no/d", 0777)), -ENOENT);
  IS(RESULT(mkdir("", 0777)), -ENOENT);
  IS(at("d", 0).st_mode, S_IFDIR | 0755);  // the umask is 022
  IS(mkdir("d/e/", 0700), 0);
  IS(at("d", 0).st_nlink >= 1, 1);
  IS(RESULT(rmdir("d")), -ENOTEMPTY);
  IS(RESULT(rmdir("d/e/.")), -EINVAL);
  IS(RESULT(rmdir("d/e/..")), -ENOTEMPTY);
  IS(rmdir("d/e"), 0);
  IS(RESULT(rmdir("d/e")), -ENOENT);
  make("f");
  IS(RESULT(rmdir("f")), -ENOTDIR);
  IS(RESULT(rmdir("f/")), -ENOTDIR);
  IS(RESULT(unlink("d")), -EISDIR);
  IS(RESULT(unlink("f/")), -ENOTDIR);
  IS(RESULT(mkdir("f/d", 0777)), -ENOTDIR);
  IS(ANSWER(SYS_unlinkat, AT_FDCWD, "d", 7), -EINVAL);
  IS(unlink("f"), 0);
  IS(rmdir("d"), 0);
}

static void opening(void) {
  make("f");
  mkdir("d", 0777);
  IS(RESULT(open("f", O_CREAT | O_EXCL | O_RDWR, 0600)), -EEXIST);
  IS(RESULT(open("nobody", O_RDWR)), -ENOENT);
  IS(RESULT(open("f/x", O_RDWR)), -ENOTDIR);
  IS(RESULT(open("f/", O_RDWR)), -ENOTDIR);
  IS(RESULT(open("new/", O_CREAT | O_RDWR, 0600)), -EISDIR);
  IS(RESULT(open("d", O_RDWR)), -EISDIR);
  IS(RESULT(open("d", O_CREAT, 0600)), -EISDIR);
  IS(RESULT(open("f", O_DIRECTORY)), -ENOTDIR);
  IS(ANSWER(SYS_openat, AT_FDCWD, BAD, 0, 0), -EFAULT);
  IS(ANSWER(SYS_openat, 99, "f", 0, 0), -EBADF);
  strcpy(last_bytes, "f");
  IS(close(open(last_bytes, O_RDONLY)), 0);
  last_bytes[1] = 'f';  // it has no end now
  IS(ANSWER(SYS_openat, AT_FDCWD, last_bytes, 0, 0), -EFAULT);
  char longest[5000];
  memset(longest, 'n', sizeof longest);
  longest[256] = '\0';
  IS(RESULT(open(longest, O_RDONLY)), -ENAMETOOLONG);
  longest[255] = '\0';
  IS(RESULT(open(longest, O_RDONLY)), -ENOENT);
  longest[255] = 'n', longest[4096] = '\0';
  IS(RESULT(open(longest, O_RDONLY)), -ENAMETOOLONG);
  const int file = open("f", O_RDONLY), directory = open("d", O_RDONLY | O_DIRECTORY);
  IS(RESULT(openat(file, "x", O_RDONLY)), -ENOTDIR);
  IS(close(openat(file, "/dev/null", O_RDONLY)), 0);
  IS(close(openat(directory, "g", O_CREAT | O_WRONLY, 0777)), 0);
  IS(at("d/g", 0).st_mode, S_IFREG | 0755);
  IS(unlinkat(directory, "g", 0), 0);
  close(file);
  close(directory);
  IS(umask(077), 022);
  IS(close(open("d/h", O_CREAT | O_WRONLY, 0666)), 0);
  IS(at("d/h", 0).st_mode, S_IFREG | 0600);
  IS(umask(022), 077);
  unlink("d/h");
  unlink("f");
  rmdir("d");
}

static void links(void) {
  char text[64];
  make("f");
  IS(symlink("f", "s"), 0);
  IS(RESULT(symlink("f", "s")), -EEXIST);
  IS(RESULT(symlink("", "t")), -ENOENT);
  IS(readlink("s", text, sizeof text), 1);
  IS(text[0], 'f');
  IS(RESULT(readlink("f", text, sizeof text)), -EINVAL);
  IS(ANSWER(SYS_readlinkat, AT_FDCWD, "s", text, 0), -EINVAL);
  IS(ANSWER(SYS_readlinkat, AT_FDCWD, "s", BAD, 9), -EFAULT);
  IS(at("s", 0).st_mode, S_IFREG | 0644);
  IS(at("s", AT_SYMLINK_NOFOLLOW).st_mode, S_IFLNK | 0777);
  IS(at("s", AT_SYMLINK_NOFOLLOW).st_size, 1);
  IS(RESULT(open("s", O_RDONLY | O_NOFOLLOW)), -ELOOP);
  IS(RESULT(open("s", O_CREAT | O_EXCL | O_RDWR, 0600)), -EEXIST);
  IS(symlink("loop", "loop"), 0);
  IS(RESULT(open("loop", O_RDONLY)), -ELOOP);
  IS(symlink("made", "dangling"), 0);
  IS(RESULT(open("dangling", O_RDONLY)), -ENOENT);
  IS(close(open("dangling", O_CREAT | O_WRONLY, 0600)), 0);
  IS(at("made", 0).st_mode, S_IFREG | 0600);
  IS(link("f", "g"), 0);
  IS(at("f", 0).st_nlink, 2);
  HOLDS(at("f", 0).st_ino == at("g", 0).st_ino);
  IS(RESULT(link("f", "g")), -EEXIST);
  IS(RESULT(link("nobody", "h")), -ENOENT);
  IS(RESULT(link(".", "h")), -EPERM);
  IS(linkat(AT_FDCWD, "s", AT_FDCWD, "h", AT_SYMLINK_FOLLOW), 0);
  IS(at("f", 0).st_nlink, 3);
  IS(RESULT(linkat(AT_FDCWD, "s", AT_FDCWD, "i", 1)), -EINVAL);
  const int fd = open("f", O_RDWR);
  unlink("f");
  unlink("g");
  unlink("h");
  struct stat status;
  IS(fstat(fd, &status), 0);
  IS(status.st_nlink, 0);
  IS(write(fd, "x", 1), 1);
  close(fd);
  const char* const rest[] = {"s", "loop", "dangling", "made"};
  for (int i = 0; i < 4; ++i) IS(unlink(rest[i]), 0);
}

static void renames(void) {
  make("f");
  mkdir("d", 0777);
  mkdir("d/e", 0777);
  IS(rename("f", "g"), 0);
  IS(RESULT(rename("f", "g")), -ENOENT);
  IS(RESULT(rename("d", "d/e/d")), -EINVAL);
  IS(RESULT(rename("g", "d")), -EISDIR);
  IS(RESULT(rename("d", "g")), -ENOTDIR);
  IS(RESULT(rename("d/e", "d")), -ENOTEMPTY);
  IS(RESULT(rename("g", "d/.")), -EBUSY);
  mkdir("k", 0777);
  IS(rename("d/e", "k"), 0);
  make("h");
  IS(ANSWER(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "h", 1), -EEXIST);
  IS(ANSWER(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "k", 2), 0);
  IS(at("g", 0).st_mode, S_IFDIR | 0755);
  IS(ANSWER(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "h", 3), -EINVAL);
  IS(ANSWER(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "none", 2), -ENOENT);
  IS(rename("h", "k"), 0);
  IS(unlink("k"), 0);
  IS(rmdir("g"), 0);
  IS(rmdir("d"), 0);
}

/// Everything that is there is told exactly once, however small the pieces.
static void listing(void) {
  char path[32];
  mkdir("d", 0777);
  for (int i = 0; i < 200; ++i) snprintf(path, sizeof path, "d/file%d", i), make(path);
  DIR* const directory = opendir("d");
  int dots = 0, files = 0, sum = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.')
      ++dots;
    else
      ++files, sum += atoi(entry->d_name + 4), IS(entry->d_type, DT_REG);
  }
  IS(dots, 2);
  IS(files, 200);
  IS(sum, 199 * 200 / 2);
  closedir(directory);
  const int fd = open("d", O_RDONLY);
  char small[40];  // one entry fits, two do not
  files = 0;
  for (long got; (got = ANSWER(SYS_getdents64, fd, small, sizeof small)) != 0; ++files)
    if (got < 0) break;
  IS(files, 202);
  lseek(fd, 0, SEEK_SET);
  IS(ANSWER(SYS_getdents64, fd, small, 8), -EINVAL);
  IS(ANSWER(SYS_getdents64, fd, BAD, 1000), -EFAULT);
  IS(ANSWER(SYS_getdents64, 99, small, sizeof small), -EBADF);
  close(fd);
  const int null = open("/dev/null", O_RDONLY);
  IS(ANSWER(SYS_getdents64, null, small, sizeof small), -ENOTDIR);
  close(null);
  for (int i = 0; i < 200; ++i) snprintf(path, sizeof path, "d/file%d", i), unlink(path);
  rmdir("d");
}

static void working_directory(void) {
  char home[256], here[256], wanted[280];
  HOLDS(getcwd(home, sizeof home) != NULL);
  mkdir("d", 0777);
  IS(chdir("d"), 0);
  snprintf(wanted, sizeof wanted, "%s/d", home);
  IS(ANSWER(SYS_getcwd, here, sizeof here), strlen(wanted) + 1);
  IS(strcmp(here, wanted), 0);
  IS(ANSWER(SYS_getcwd, here, 3), -ERANGE);
  IS(ANSWER(SYS_getcwd, BAD, 256), -EFAULT);
  rmdir(wanted);
  IS(ANSWER(SYS_getcwd, here, sizeof here), -ENOENT);
  IS(RESULT(open("x", O_CREAT | O_WRONLY, 0600)), -ENOENT);
  const int fd = open(home, O_RDONLY);
  IS(fchdir(fd), 0);
  close(fd);
  make("f");
  IS(RESULT(chdir("f")), -ENOTDIR);
  IS(RESULT(chdir("nobody")), -ENOENT);
  IS(RESULT(fchdir(99)), -EBADF);
  unlink("f");
  IS(chdir("/.."), 0);
  IS(ANSWER(SYS_getcwd, here, sizeof here), 2);
  IS(chdir(home), 0);
}

static void attributes(void) {
  make("f");
  IS(chmod("f", 0), 0);
  IS(at("f", 0).st_mode, S_IFREG);
  IS(access("f", R_OK | W_OK), 0);  // root may
  IS(RESULT(access("f", X_OK)), -EACCES);
  IS(chmod("f", 04751), 0);
  IS(at("f", 0).st_mode, S_IFREG | 04751);
  IS(access("f", X_OK), 0);
  IS(RESULT(access("f", 8)), -EINVAL);
  IS(RESULT(access("nobody", F_OK)), -ENOENT);
  IS(chown("f", 12, 34), 0);
  IS(at("f", 0).st_uid, 12);
  IS(chown("f", -1, 56), 0);
  IS(at("f", 0).st_uid, 12);
  IS(at("f", 0).st_gid, 56);
  struct timespec times[2] = {{1000, 5}, {2000, 6}};
  IS(utimensat(AT_FDCWD, "f", times, 0), 0);
  IS(at("f", 0).st_atim.tv_sec, 1000);
  IS(at("f", 0).st_mtim.tv_sec, 2000);
  IS(at("f", 0).st_mtim.tv_nsec, 6);
  times[0].tv_nsec = UTIME_OMIT, times[1].tv_nsec = 7;
  IS(utimensat(AT_FDCWD, "f", times, 0), 0);
  IS(at("f", 0).st_atim.tv_sec, 1000);
  IS(at("f", 0).st_mtim.tv_nsec, 7);
  times[1].tv_nsec = 1000000000;
  IS(RESULT(utimensat(AT_FDCWD, "f", times, 0)), -EINVAL);
  IS(RESULT(utimensat(AT_FDCWD, "nobody", NULL, 0)), -ENOENT);
  IS(RESULT(fchmodat(AT_FDCWD, "nobody", 0, 0)), -ENOENT);
  const int fd = open("f", O_RDWR);
  IS(fchmod(fd, 0600), 0);
  IS(fchown(fd, 0, 0), 0);
  IS(futimens(fd, NULL), 0);
  struct stat status;
  IS(fstatat(fd, "", &status, AT_EMPTY_PATH), 0);
  IS(status.st_mode, S_IFREG | 0600);
  IS(status.st_uid, 0);
  IS(RESULT(fstatat(fd, "", &status, 0)), -ENOENT);
  IS(RESULT(fstatat(AT_FDCWD, "f", &status, 0x8000)), -EINVAL);
  IS(RESULT(fstatat(AT_FDCWD, "f", BAD, 0)), -EFAULT);
  close(fd);
  struct statx more;
  memset(&more, 0xff, sizeof more);
  IS(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &more), 0);
  IS(more.stx_mode, S_IFREG | 0600);
  IS(more.stx_size, 0);
  HOLDS(more.stx_ino == at("f", 0).st_ino);
  HOLDS((more.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
  HOLDS(makedev(more.stx_dev_major, more.stx_dev_minor) == at("f", 0).st_dev);
  IS(RESULT(statx(AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &more)), -EINVAL);
  const struct stat null = at("/dev/null", 0);
  IS(null.st_mode & S_IFMT, S_IFCHR);
  IS(major(null.st_rdev), 1);
  IS(minor(null.st_rdev), 3);
  struct statfs system;
  IS(statfs("/", &system), 0);
  HOLDS(system.f_bsize >= 512 && system.f_namelen == 255);
  IS(RESULT(statfs("nobody", &system)), -ENOENT);
  IS(RESULT(fstatfs(99, &system)), -EBADF);
  unlink("f");
}

static void nodes(void) {
  IS(mknod("fifo", S_IFIFO | 0666, 0), 0);
  IS(at("fifo", 0).st_mode, S_IFIFO | 0644);
  IS(RESULT(mknod("fifo", S_IFIFO | 0666, 0)), -EEXIST);
  IS(mknod("plain", 0600, 0), 0);
  IS(at("plain", 0).st_mode, S_IFREG | 0600);
  IS(RESULT(mknod("x", S_IFDIR | 0700, 0)), -EPERM);
  IS(RESULT(mknod("x", S_IFLNK | 0700, 0)), -EINVAL);
  IS(RESULT(open("fifo", O_WRONLY | O_NONBLOCK)), -ENXIO);
  const int in = open("fifo", O_RDONLY | O_NONBLOCK), out = open("fifo", O_WRONLY);
  char byte = 0;
  IS(write(out, "z", 1), 1);
  IS(read(in, &byte, 1), 1);
  IS(byte, 'z');
  IS(RESULT(lseek(in, 0, SEEK_SET)), -ESPIPE);
  IS(RESULT(pread(in, &byte, 1, 0)), -ESPIPE);
  close(in);
  close(out);
  unlink("fifo");
  unlink("plain");
}

int main(void) {
  char* const pages = aligned_alloc(4096, 8192);
  last_bytes = pages + 4096 - 2;

  IS(mprotect(pages + 4096, 4096, PROT_NONE), 0);
  char home[64];
  snprintf(home, sizeof home, "/tmp/names.%d", getpid());
  umask(022);
  mkdir(home, 0777);
  IS(chdir(home), 0);
  directories();
  opening();
  links();
  renames();
  listing();
  working_directory();
  attributes();
  nodes();
  IS(chdir("/"), 0);
  IS(rmdir(home), 0);
  return finish();
}

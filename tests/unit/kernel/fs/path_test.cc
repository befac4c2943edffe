// SPDX-License-Identifier: MIT
/// Paths in their corner cases, with the numbers that Linux gives for them.
#include "kernel/fs/path.h"

#include "fs_world.h"

namespace meridian {
namespace {

class PathTest : public FsWorld {
 protected:
  PathTest() {
    EXPECT_EQ(error_of(mkdir("/a")), 0);
    EXPECT_EQ(error_of(mkdir("/a/b")), 0);
    write_file("/a/file", "text");
  }
  u64 number(std::string_view path) { return stat(path).value().inode; }
  std::string cwd(std::string_view path, usize size = 4096) {
    std::vector<char> buffer(size);
    const auto text = path_of(start.root, directory_of(look_up(start, path).take()).take(), buffer);
    return text.has_value() ? std::string(text.value()) : std::to_string(error_of(text));
  }
};

TEST_F(PathTest, EmptyNamesAndDotsLeadWhereTheyShould) {
  EXPECT_EQ(number("//a///b//"), number("/a/b"));
  EXPECT_EQ(number("/a/./b/../b/."), number("/a/b"));
  EXPECT_EQ(number("/../../a"), number("/a"));
  EXPECT_EQ(number("/"), number("/.."));
  EXPECT_EQ(error_of(stat("")), ENOENT);
  start.at = directory_of(look_up(start, "/a").take()).take();
  EXPECT_EQ(number("b"), number("/a/b"));
  EXPECT_EQ(number("../a/b/."), number("/a/b"));
  EXPECT_EQ(number("."), number("/a"));
}

TEST_F(PathTest, WhatIsNotADirectoryHasNothingBelowIt) {
  EXPECT_EQ(error_of(stat("/a/file/x")), ENOTDIR);
  EXPECT_EQ(error_of(stat("/a/file/")), ENOTDIR);
  EXPECT_EQ(error_of(stat("/a/file/..")), ENOTDIR);
  EXPECT_EQ(error_of(stat("/a/none/x")), ENOENT);
  EXPECT_EQ(error_of(stat("/a/none")), ENOENT);
  EXPECT_EQ(error_of(stat("/a/none/..")), ENOENT);
}

TEST_F(PathTest, NamesAndPathsHaveALongestLength) {
  const std::string longest(255, 'n');
  EXPECT_EQ(error_of(mkdir("/" + longest)), 0);
  EXPECT_EQ(error_of(stat("/" + longest)), 0);
  EXPECT_EQ(error_of(stat("/" + longest + "n")), ENAMETOOLONG);
  EXPECT_EQ(error_of(mkdir("/" + longest + "n")), ENAMETOOLONG);
  std::string path = "/";
  while (path.size() < 4094) path += "./";
  EXPECT_EQ(path.size(), 4095u);
  EXPECT_EQ(error_of(stat(path)), 0);
  EXPECT_EQ(error_of(stat(path + "/")), ENAMETOOLONG);
}

TEST_F(PathTest, SymbolicLinksAreFollowedFromWhereTheyStand) {
  EXPECT_EQ(error_of(symlink("b", "/a/to_b")), 0);
  EXPECT_EQ(error_of(symlink("/a/file", "/to_file")), 0);
  EXPECT_EQ(error_of(symlink("../a/to_b/", "/a/again")), 0);
  EXPECT_EQ(number("/a/to_b"), number("/a/b"));
  EXPECT_EQ(number("/a/to_b/../file"), number("/a/file")) << ".. is the target's";
  EXPECT_EQ(number("/a/again/."), number("/a/b"));
  EXPECT_EQ(read_file("/to_file"), "text");
  EXPECT_EQ(error_of(stat("/to_file/")), ENOTDIR);
  EXPECT_NE(stat("/a/to_b", FollowLast::no).value().inode, number("/a/b"));
  EXPECT_EQ(stat("/a/to_b/", FollowLast::no).value().inode, number("/a/b")) << "a / follows";
  EXPECT_EQ(stat("/a/to_b", FollowLast::no).value().size, 1u);
  EXPECT_EQ(stat("/a/to_b", FollowLast::no).value().mode, 0120777u);
}

TEST_F(PathTest, FortyLinksAreFollowedAndNotOneMore) {
  EXPECT_EQ(error_of(symlink("self", "/self")), 0);
  EXPECT_EQ(error_of(stat("/self")), ELOOP);
  write_file("/0", "end");
  for (int i = 1; i <= 41; ++i)
    ASSERT_EQ(error_of(symlink(std::to_string(i - 1), "/" + std::to_string(i))), 0);
  EXPECT_EQ(read_file("/40"), "end");
  EXPECT_EQ(error_of(stat("/41")), ELOOP);
  // Links in the middle of a path, each with something behind it: none may be forgotten.
  EXPECT_EQ(error_of(symlink(".", "/d0")), 0);
  std::string path = "/0";
  for (int i = 0; i < 40; ++i) path = "/d0" + path;
  EXPECT_EQ(error_of(stat(path)), 0);
  EXPECT_EQ(error_of(stat("/d0" + path)), ELOOP);
  for (int i = 1; i < 30; ++i)
    ASSERT_EQ(error_of(symlink("d" + std::to_string(i - 1) + "/a/..", "/d" + std::to_string(i))),
              0);
  EXPECT_EQ(number("/d29/a/b"), number("/a/b")) << "30 links deep, each with a rest";
}

TEST_F(PathTest, OpenKnowsItsFlags) {
  constexpr u32 kCreate = OpenFlags::kCreate, kWrite = OpenFlags::kWriteOnly;
  EXPECT_EQ(error_of(open("/a/new")), ENOENT);
  EXPECT_EQ(error_of(open("/a/new", kCreate | kWrite)), 0);
  EXPECT_EQ(error_of(open("/a/new", kCreate | OpenFlags::kExclusive)), EEXIST);
  EXPECT_EQ(error_of(open("/a/newer/", kCreate)), EISDIR);
  EXPECT_EQ(error_of(open("/a", kWrite)), EISDIR);
  EXPECT_EQ(error_of(open("/a", kCreate)), EISDIR);
  EXPECT_EQ(error_of(open("/a/.", kCreate)), EISDIR);
  EXPECT_EQ(error_of(open("/a")), 0);
  EXPECT_EQ(error_of(open("/a/file", OpenFlags::kDirectory)), ENOTDIR);
  EXPECT_EQ(error_of(open("/none/new", kCreate)), ENOENT);
  EXPECT_EQ(error_of(open("/a/file/new", kCreate)), ENOTDIR);
  EXPECT_EQ(read_file("/a/file"), "text");
  EXPECT_EQ(error_of(open("/a/file", OpenFlags::kTruncate | kWrite)), 0);
  EXPECT_EQ(read_file("/a/file"), "");
}

TEST_F(PathTest, OpenMeetsLinksAtTheEnd) {
  EXPECT_EQ(error_of(symlink("made_by_open", "/a/dangling")), 0);
  EXPECT_EQ(error_of(open("/a/dangling")), ENOENT);
  EXPECT_EQ(error_of(open("/a/dangling", OpenFlags::kNoFollow)), ELOOP);
  EXPECT_EQ(error_of(open("/a/dangling", OpenFlags::kCreate | OpenFlags::kExclusive)), EEXIST);
  EXPECT_EQ(error_of(stat("/a/made_by_open")), ENOENT);
  EXPECT_EQ(error_of(open("/a/dangling", OpenFlags::kCreate)), 0);
  EXPECT_EQ(error_of(stat("/a/made_by_open")), 0) << "it makes what the link names";
  EXPECT_EQ(error_of(symlink("/a", "/to_a")), 0);
  EXPECT_EQ(error_of(open("/to_a", OpenFlags::kNoFollow)), ELOOP);
  EXPECT_EQ(error_of(open("/to_a", OpenFlags::kNoFollow | OpenFlags::kDirectory)), ENOTDIR);
  EXPECT_EQ(error_of(open("/to_a/", OpenFlags::kNoFollow)), 0);
  EXPECT_EQ(error_of(open("/to_a/file", OpenFlags::kNoFollow)), 0) << "only the last name";
}

TEST_F(PathTest, NewNamesMustBeFreeAndMayHaveASlashIfTheyAreDirectories) {
  EXPECT_EQ(error_of(mkdir("/a")), EEXIST);
  EXPECT_EQ(error_of(mkdir("/")), EEXIST);
  EXPECT_EQ(error_of(mkdir("/a/.")), EEXIST);
  EXPECT_EQ(error_of(mkdir("/a/..")), EEXIST);
  EXPECT_EQ(error_of(mkdir("/a/file/x")), ENOTDIR);
  EXPECT_EQ(error_of(mkdir("/new//")), 0);
  EXPECT_EQ(error_of(symlink("x", "/link/")), ENOENT);
  EXPECT_EQ(error_of(symlink("", "/link")), ENOENT);
  EXPECT_EQ(error_of(symlink("x", "/a/file")), EEXIST);
  EXPECT_EQ(error_of(symlink("gone", "/dangling")), 0);
  EXPECT_EQ(error_of(mkdir("/dangling")), EEXIST);
  EXPECT_EQ(error_of(link("/a/file", "/hard/")), ENOENT);
  EXPECT_EQ(error_of(link("/a", "/hard")), EPERM);
  EXPECT_EQ(error_of(link("/a/file", "/hard")), 0);
  EXPECT_EQ(number("/hard"), number("/a/file"));
}

TEST_F(PathTest, RemovingRefusesWhatHasNoNameOfItsOwn) {
  EXPECT_EQ(error_of(unlink("/a")), EISDIR);
  EXPECT_EQ(error_of(unlink("/a/.")), EISDIR);
  EXPECT_EQ(error_of(unlink("/a/file/")), ENOTDIR);
  EXPECT_EQ(error_of(unlink("/none")), ENOENT);
  EXPECT_EQ(error_of(rmdir("/")), EBUSY);
  EXPECT_EQ(error_of(rmdir("/a/.")), EINVAL);
  EXPECT_EQ(error_of(rmdir("/a/b/..")), ENOTEMPTY);
  EXPECT_EQ(error_of(rmdir("/a")), ENOTEMPTY);
  EXPECT_EQ(error_of(rmdir("/a/file")), ENOTDIR);
  EXPECT_EQ(error_of(rmdir("/a/b/")), 0);
  EXPECT_EQ(error_of(stat("/a/b")), ENOENT);
}

TEST_F(PathTest, RenamingKnowsEveryRefusal) {
  EXPECT_EQ(error_of(mkdir("/a/b/c")), 0);
  EXPECT_EQ(error_of(mkdir("/empty")), 0);
  write_file("/other", "other");
  EXPECT_EQ(error_of(rename("/none", "/x")), ENOENT);
  EXPECT_EQ(error_of(rename("/a/.", "/x")), EBUSY);
  EXPECT_EQ(error_of(rename("/a", "/x/..")), ENOENT);
  EXPECT_EQ(error_of(rename("/a", "/a/b/..")), EBUSY);
  EXPECT_EQ(error_of(rename("/a", "/a/x")), EINVAL);
  EXPECT_EQ(error_of(rename("/a", "/a/b/c/x")), EINVAL);
  EXPECT_EQ(error_of(rename("/a/b", "/a")), ENOTEMPTY);
  EXPECT_EQ(error_of(rename("/a/file", "/a")), ENOTEMPTY);
  EXPECT_EQ(error_of(rename("/other", "/empty")), EISDIR);
  EXPECT_EQ(error_of(rename("/empty", "/other")), ENOTDIR);
  EXPECT_EQ(error_of(rename("/other", "/x/")), ENOTDIR);
  EXPECT_EQ(error_of(rename("/other/", "/x")), ENOTDIR);
  EXPECT_EQ(error_of(rename("/empty", "/a/b")), ENOTEMPTY);
  EXPECT_EQ(error_of(rename("/other", "/a/file", RenameMode::no_replace)), EEXIST);
  EXPECT_EQ(error_of(rename("/other", "/x", RenameMode::exchange)), ENOENT);
  EXPECT_EQ(error_of(rename("/a", "/a/b", RenameMode::exchange)), EINVAL);
  EXPECT_EQ(error_of(rename("/a/b", "/a", RenameMode::exchange)), EINVAL);
  EXPECT_EQ(read_file("/other"), "other");
  EXPECT_EQ(read_file("/a/file"), "text");
  EXPECT_EQ(error_of(rename("/a", "/empty/")), 0) << "an empty directory may be replaced";
  EXPECT_EQ(read_file("/empty/file"), "text");
}

TEST_F(PathTest, AMountCoversADirectoryAndLeadsBackOut) {
  EXPECT_EQ(error_of(mkdir("/mnt")), 0);
  write_file("/mnt/covered", "");
  const Ref<Directory> point = directory_of(look_up(start, "/mnt").take()).take();
  const Ref<Directory> other = make_tmpfs(fake_clock).take();
  ASSERT_EQ(error_of(point->mount(*other)), 0);
  EXPECT_EQ(error_of(point->mount(*make_tmpfs(fake_clock).take())), EBUSY);
  EXPECT_EQ(error_of(start.root->mount(*other)), EBUSY) << "it is mounted already";
  EXPECT_EQ(error_of(stat("/mnt/covered")), ENOENT);
  EXPECT_EQ(error_of(mkdir("/mnt/in")), 0);
  EXPECT_NE(stat("/mnt/in").value().device, stat("/a").value().device);
  EXPECT_EQ(number("/mnt/in/../../a"), number("/a"));
  EXPECT_EQ(cwd("/mnt/in"), "/mnt/in");
  EXPECT_EQ(cwd("/mnt"), "/mnt");
  EXPECT_EQ(error_of(rename("/a/file", "/mnt/file")), EXDEV);
  EXPECT_EQ(error_of(link("/a/file", "/mnt/file")), EXDEV);
  EXPECT_EQ(error_of(rename("/mnt", "/elsewhere")), EBUSY);
  EXPECT_EQ(error_of(rmdir("/mnt")), EBUSY);
  EXPECT_EQ(error_of(other->unmount()), 0);
  EXPECT_EQ(error_of(other->unmount()), EINVAL);
  EXPECT_EQ(error_of(stat("/mnt/covered")), 0);
}

TEST_F(PathTest, APathIsFoundForADirectory) {
  EXPECT_EQ(cwd("/"), "/");
  EXPECT_EQ(cwd("/a/b"), "/a/b");
  EXPECT_EQ(cwd("/a/b", 4), "/a/b");
  EXPECT_EQ(cwd("/a/b", 3), std::to_string(EINVAL));
  const Ref<Directory> b = directory_of(look_up(start, "/a/b").take()).take();
  EXPECT_EQ(error_of(rmdir("/a/b")), 0);
  char buffer[64];
  EXPECT_EQ(error_of(path_of(start.root, b, buffer)), ENOENT);
  start.at = b;
  EXPECT_EQ(error_of(mkdir("x")), ENOENT) << "nothing comes into what is deleted";
  EXPECT_EQ(error_of(stat("..")), ENOENT);
  EXPECT_EQ(error_of(stat(".")), 0);
  start.at = start.root;
}

/// A process that has changed its root cannot leave it.
TEST_F(PathTest, AChangedRootIsTheTopOfAllPaths) {
  const Ref<Directory> a = directory_of(look_up(start, "/a").take()).take();
  const u64 b = number("/a/b");
  start.root = a;
  EXPECT_EQ(number("/b"), b);
  EXPECT_EQ(number("/b/../../../b"), b);
  EXPECT_EQ(cwd("/b"), "/b");
}

}  // namespace
}  // namespace meridian

// SPDX-License-Identifier: MIT
/// tmpfs against a model that is a map of paths, and what it leaves behind when memory runs out.
#include "kernel/fs/tmpfs.h"

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "fs_world.h"
#include "mm/frames/failure_injection.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr u32 kReadWrite = OpenFlags::kReadWrite;

using TmpfsTest = FsWorld;

TEST_F(TmpfsTest, AFileLivesOnWithoutAName) {
  write_file("/f", "still here");
  const auto file = open("/f", kReadWrite).take();
  EXPECT_EQ(error_of(unlink("/f")), 0);
  EXPECT_EQ(error_of(stat("/f")), ENOENT);
  EXPECT_EQ(file->inode().status().links, 0u);
  EXPECT_EQ(read_all(*file), "still here");
  EXPECT_EQ(file->write(bytes_of(", and growing")).value(), 13u);
  EXPECT_EQ(error_of(link_at(start, "/again", file->inode())), ENOENT)
      << "what is deleted stays so";
}

TEST_F(TmpfsTest, LinksAreCounted) {
  write_file("/f", "x");
  EXPECT_EQ(error_of(link("/f", "/g")), 0);
  EXPECT_EQ(stat("/f").value().links, 2u);
  EXPECT_EQ(error_of(rename("/f", "/g")), 0) << "two names of one file: nothing happens";
  EXPECT_EQ(stat("/f").value().links, 2u);
  EXPECT_EQ(error_of(unlink("/f")), 0);
  EXPECT_EQ(stat("/g").value().links, 1u);
  EXPECT_EQ(stat("/").value().links, 2u);
  EXPECT_EQ(error_of(mkdir("/d")), 0);
  EXPECT_EQ(error_of(mkdir("/d/e")), 0);
  EXPECT_EQ(stat("/d").value().links, 3u);
  EXPECT_EQ(error_of(rename("/d/e", "/e")), 0);
  EXPECT_EQ(stat("/d").value().links, 2u);
  EXPECT_EQ(stat("/").value().links, 4u);
  EXPECT_EQ(stat("/e/..").value().inode, stat("/").value().inode);
  EXPECT_EQ(error_of(rename("/d", "/e")), 0) << "over an empty directory";
  EXPECT_EQ(stat("/").value().links, 3u);
  EXPECT_EQ(error_of(rmdir("/e")), 0);
  EXPECT_EQ(stat("/").value().links, 2u);
}

TEST_F(TmpfsTest, ExchangedDirectoriesKnowTheirNewParents) {
  EXPECT_EQ(error_of(mkdir("/a")), 0);
  EXPECT_EQ(error_of(mkdir("/a/d")), 0);
  write_file("/f", "file");
  EXPECT_EQ(error_of(rename("/f", "/a/d", RenameMode::exchange)), 0);
  EXPECT_EQ(read_file("/a/d"), "file");
  EXPECT_EQ(stat("/f/..").value().inode, stat("/").value().inode);
  EXPECT_EQ(stat("/a").value().links, 2u);
  EXPECT_EQ(stat("/").value().links, 4u);
}

TEST_F(TmpfsTest, AnUnnamedFileMayGetOneNameLater) {
  EXPECT_EQ(error_of(open("/", OpenFlags::kUnnamed | OpenFlags::kDirectory)), EINVAL);
  const auto file = open("/", OpenFlags::kUnnamed | OpenFlags::kDirectory | kReadWrite).take();
  EXPECT_EQ(file->write(bytes_of("late")).value(), 4u);
  EXPECT_EQ(list("/"), (std::vector<std::string>{".", ".."}));
  EXPECT_EQ(error_of(link_at(start, "/named", file->inode())), 0);
  EXPECT_EQ(read_file("/named"), "late");
  EXPECT_EQ(error_of(unlink("/named")), 0);
  EXPECT_EQ(error_of(link_at(start, "/again", file->inode())), ENOENT);
}

TEST_F(TmpfsTest, PositionsAndAppendingWorkAsLinuxSays) {
  write_file("/f", "0123456789");
  const auto file = open("/f", kReadWrite).take();
  EXPECT_EQ(file->seek(4, Whence::set).value(), 4u);
  EXPECT_EQ(file->write(bytes_of("ab")).value(), 2u);
  EXPECT_EQ(file->seek(-1, Whence::current).value(), 5u);
  EXPECT_EQ(file->seek(2, Whence::end).value(), 12u);
  EXPECT_EQ(error_of(file->seek(-13, Whence::end)), EINVAL);
  EXPECT_EQ(error_of(file->seek(INT64_MAX, Whence::current)), EINVAL);
  EXPECT_EQ(file->write(bytes_of("z")).value(), 1u) << "behind the end: zeros in between";
  EXPECT_EQ(read_file("/f"), std::string("0123ab6789\0\0z", 13));
  const auto appends = open("/f", OpenFlags::kWriteOnly | OpenFlags::kAppend).take();
  EXPECT_EQ(appends->seek(0, Whence::set).value(), 0u);
  EXPECT_EQ(appends->write(bytes_of("!")).value(), 1u);
  EXPECT_EQ(appends->seek(0, Whence::current).value(), 14u);
  EXPECT_EQ(file->write_at(1, bytes_of("X")).value(), 1u);
  std::byte two[2];
  EXPECT_EQ(file->read_at(13, two).value(), 1u);
  EXPECT_EQ(two[0], std::byte{'!'});
  EXPECT_EQ(file->seek(0, Whence::current).value(), 13u) << "pread and pwrite leave it";
  EXPECT_EQ(error_of(appends->read(two)), EBADF);
  EXPECT_EQ(error_of(open("/f").take()->write(bytes_of("x"))), EBADF);
  EXPECT_EQ(error_of(file->write_at(~u64{0}, bytes_of("x"))), EINVAL);
  EXPECT_EQ(error_of(file->write_at(INT64_MAX, bytes_of("x"))), EFBIG);
  EXPECT_EQ(error_of(open("/").take()->read(two)), EISDIR);
}

TEST_F(TmpfsTest, TruncatingCutsAndFillsWithZeros) {
  write_file("/f", "abcdef");
  const Ref<Inode> inode = look_up(start, "/f").take();
  EXPECT_EQ(error_of(inode->truncate(2)), 0);
  EXPECT_EQ(error_of(inode->truncate(4)), 0);
  EXPECT_EQ(read_file("/f"), std::string("ab\0\0", 4));
  EXPECT_EQ(error_of(inode->truncate(~u64{0})), EINVAL);
  EXPECT_EQ(error_of(start.root->truncate(0)), EINVAL);
  EXPECT_EQ(inode->contents()->size(), 4u) << "what is mapped is what is read";
}

TEST_F(TmpfsTest, TimesFollowWhatIsDone) {
  write_file("/f", "x");
  fake_seconds = 2000;
  EXPECT_EQ(read_file("/f"), "x");
  EXPECT_EQ(stat("/f").value().accessed.seconds, 2000);
  EXPECT_EQ(stat("/f").value().modified.seconds, 1000);
  fake_seconds = 3000;
  EXPECT_EQ(read_file("/f"), "x");
  EXPECT_EQ(stat("/f").value().accessed.seconds, 2000) << "once since the last change will do";
  write_file("/f", "y");
  EXPECT_EQ(stat("/f").value().modified.seconds, 3000);
  fake_seconds = 4000;
  const Ref<Inode> inode = look_up(start, "/f").take();
  inode->set_permissions(0100600);
  inode->set_owner({}, 7);
  inode->set_times(FileTime{1, 2}, {});
  const InodeStatus status = inode->status();
  EXPECT_EQ(status.mode, 0100600u);
  EXPECT_EQ(status.uid, 0u);
  EXPECT_EQ(status.gid, 7u);
  EXPECT_EQ(status.accessed, (FileTime{1, 2}));
  EXPECT_EQ(status.modified.seconds, 3000);
  EXPECT_EQ(status.changed.seconds, 4000);
  EXPECT_EQ(status.blocks, 8u);
  EXPECT_EQ(error_of(rename("/f", "/g")), 0);
  EXPECT_EQ(stat("/").value().modified.seconds, 4000);
}

TEST_F(TmpfsTest, ADirectoryIsToldWhateverComesAndGoes) {
  for (int i = 0; i < 100; ++i) write_file("/f" + std::to_string(i), "");
  const auto directory = open("/").take();
  std::vector<std::byte> buffer(200);
  std::vector<std::string> names;
  for (int round = 0; const u64 count = directory->list(buffer).value(); ++round) {
    append_names(buffer, count, names);
    if (round < 20) {
      EXPECT_EQ(error_of(unlink("/f" + std::to_string(round))), 0);
      write_file("/new" + std::to_string(round), "");
    }
  }
  const std::set<std::string> once(names.begin(), names.end());
  EXPECT_EQ(once.size(), names.size()) << "no name twice";
  for (int i = 20; i < 100; ++i) EXPECT_TRUE(once.contains("f" + std::to_string(i)));
  EXPECT_EQ(names[0], ".");
  EXPECT_EQ(names[1], "..");
  EXPECT_EQ(error_of(directory->seek(0, Whence::set)), 0);
  EXPECT_EQ(error_of(directory->list(std::span(buffer).first(23))), EINVAL) << "not even one fits";
  EXPECT_EQ(directory->list(std::span(buffer).first(24)).value(), 24u);
  EXPECT_EQ(error_of(open("/f50").take()->list(buffer)), ENOTDIR);
}

TEST_F(TmpfsTest, AnEntryHasLinuxsLayout) {
  std::byte buffer[64];
  std::memset(buffer, 0xff, sizeof(buffer));
  DirectoryPacker packer(buffer);
  EXPECT_TRUE(packer.take({"abcde", 0x0102, InodeType::regular, 7}));
  const u8 expected[32] = {2,  1, 0, 0,   0,   0,   0,   0,   7, 0, 0, 0, 0, 0, 0, 0,
                           32, 0, 8, 'a', 'b', 'c', 'd', 'e', 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(packer.size(), 32u);
  EXPECT_EQ(std::memcmp(buffer, expected, 32), 0);
}

/// A tree that is deeper than any stack goes without recursion.
TEST_F(TmpfsTest, ADeepTreeGoesAwayWhole) {
  const Ref<Directory> top = start.at;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(error_of(mkdir("d")), 0);
    start.at = directory_of(look_up(start, "d").take()).take();
  }
  start.at = top;
}

/// Every operation with each of its allocations failing: the tree is as before, and the operation
/// works the next time.
TEST_F(TmpfsTest, RunningOutOfMemoryAnywhereChangesNothing) {
  EXPECT_EQ(error_of(mkdir("/d")), 0);
  write_file("/f", "x");
  const struct {
    const char* name;
    std::function<int()> run, undo;
  } operations[] = {
      {"mkdir", [&] { return error_of(mkdir("/d/n")); }, [&] { return error_of(rmdir("/d/n")); }},
      {"create", [&] { return error_of(open("/d/n", OpenFlags::kCreate)); },
       [&] { return error_of(unlink("/d/n")); }},
      {"symlink", [&] { return error_of(symlink("target", "/d/n")); },
       [&] { return error_of(unlink("/d/n")); }},
      {"link", [&] { return error_of(link("/f", "/d/n")); },
       [&] { return error_of(unlink("/d/n")); }},
      {"rename", [&] { return error_of(rename("/f", "/d/n")); },
       [&] { return error_of(rename("/d/n", "/f")); }},
  };
  for (const auto& operation : operations) {
    for (u64 nth = 1;; ++nth) {
      SCOPED_TRACE(testing::Message() << operation.name << ' ' << nth);
      FailAllocation fail(nth);
      const int error = operation.run();
      if (!fail.has_fired()) {
        EXPECT_EQ(error, 0);
        EXPECT_GT(nth, 1u) << "it allocates something";
        break;
      }
      count_injections("tmpfs");
      if (error == 0) {  // an open file's allocation may fail after its name was made
        EXPECT_EQ(operation.undo(), 0);
        continue;
      }
      EXPECT_EQ(error, ENOMEM);
      if (std::string(operation.name) != "create") {
        EXPECT_EQ(list("/d"), (std::vector<std::string>{".", ".."}));
      } else {
        (void)unlink("/d/n");
      }
      EXPECT_EQ(read_file("/f"), "x");
    }
    EXPECT_EQ(operation.undo(), 0) << operation.name;
  }
}

// A model: paths without links in the middle, so that text is all there is to it.

struct ModelFile {
  std::string data;
};
class Model {
 public:
  struct Node {
    bool directory = false;
    std::shared_ptr<ModelFile> file;
  };
  std::map<std::string, Node> nodes{{"", {.directory = true, .file = {}}}};

  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }
  bool has(const std::string& path) const { return nodes.contains(path); }
  bool is_directory(const std::string& path) const { return has(path) && nodes.at(path).directory; }
  bool is_empty(const std::string& path) const {
    const auto next = nodes.lower_bound(path + "/");
    return next == nodes.end() || !next->first.starts_with(path + "/");
  }
  /// What is wrong with the way to `path`, or 0.
  int way(const std::string& path) const {
    for (usize slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string above = path.substr(0, slash);
      if (!has(above)) return ENOENT;
      if (!is_directory(above)) return ENOTDIR;
    }
    return 0;
  }
  int make(const std::string& path, bool directory) {
    if (const int error = way(path)) return error;
    if (has(path)) return EEXIST;
    nodes[path] = {directory, directory ? nullptr : std::make_shared<ModelFile>()};
    return 0;
  }
  int remove(const std::string& path, bool directory) {
    if (const int error = way(path)) return error;
    if (!has(path)) return ENOENT;
    if (is_directory(path) != directory) return directory ? ENOTDIR : EISDIR;
    if (directory && !is_empty(path)) return ENOTEMPTY;
    nodes.erase(path);
    return 0;
  }
  int link(const std::string& old, const std::string& path) {
    if (const int error = way(old)) return error;
    if (!has(old)) return ENOENT;
    if (const int error = way(path)) return error;
    if (has(path)) return EEXIST;
    if (is_directory(old)) return EPERM;
    nodes[path] = nodes[old];
    return 0;
  }
  int rename(const std::string& old, const std::string& path) {
    if (const int error = way(old)) return error;
    if (const int error = way(path)) return error;
    if (!has(old)) return ENOENT;
    if (path == old) return is_directory(old) ? 0 : 0;
    if (path.starts_with(old + "/")) return EINVAL;
    if (old.starts_with(path + "/")) return ENOTEMPTY;
    if (has(path)) {
      if (!is_directory(old) && nodes[old].file == nodes[path].file) return 0;
      if (is_directory(old) && !is_directory(path)) return ENOTDIR;
      if (!is_directory(old) && is_directory(path)) return EISDIR;
      if (is_directory(path) && !is_empty(path)) return ENOTEMPTY;
      nodes.erase(path);
    }
    std::map<std::string, Node> moved;
    for (auto at = nodes.lower_bound(old); at != nodes.end();) {
      if (at->first != old && !at->first.starts_with(old + "/")) {
        if (!at->first.starts_with(old)) break;
        ++at;
        continue;
      }
      moved[path + at->first.substr(old.size())] = at->second;
      at = nodes.erase(at);
    }
    nodes.merge(moved);
    return 0;
  }
};

/// Random operations on three names in each of up to four levels.
TEST_F(TmpfsTest, HoldsWhatAMapOfPathsSays) {
  std::mt19937_64 random(test_seed() + 61);
  Model model;
  const auto path = [&] {
    std::string text;
    for (u64 levels = 1 + random() % 4; levels != 0; --levels)
      text += std::string("/") + static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int i = 0; i < 8000; ++i) {
    const std::string one = path(), two = path();
    const u64 choice = random() % 8;
    SCOPED_TRACE(testing::Message() << i << ": " << choice << ' ' << one << ' ' << two);
    switch (choice) {
      case 0:
      case 1:
        ASSERT_EQ(error_of(mkdir(one)), model.make(one, true));
        break;
      case 2:
        ASSERT_EQ(error_of(open(one, OpenFlags::kCreate | OpenFlags::kExclusive)),
                  model.make(one, false));
        break;
      case 3:
        ASSERT_EQ(error_of(unlink(one)), model.remove(one, false));
        break;
      case 4:
        ASSERT_EQ(error_of(rmdir(one)), model.remove(one, true));
        break;
      case 5:
        ASSERT_EQ(error_of(link(one, two)), model.link(one, two));
        break;
      case 6:
        ASSERT_EQ(error_of(rename(one, two)), model.rename(one, two));
        break;
      default:
        if (model.has(one) && !model.is_directory(one)) {
          const std::string text = std::to_string(random());
          write_file(one, text);
          model.nodes[one].file->data = text;
        }
    }
    if (i % 64 != 0) continue;
    for (const auto& [name, node] : model.nodes) {
      if (name.empty()) continue;
      ASSERT_EQ(stat(name).value().mode >> 12, node.directory ? 4u : 8u) << name;
      if (!node.directory) {
        ASSERT_EQ(read_file(name), node.file->data) << name;
      } else {
        const auto names = list(name, 64);
        const std::set<std::string> told(names.begin(), names.end());
        std::set<std::string> expected{".", ".."};
        for (const auto& [other, unused] : model.nodes)
          if (other.rfind('/') == name.size() && other.starts_with(name + "/"))
            expected.insert(other.substr(name.size() + 1));
        ASSERT_EQ(told, expected) << name;
        ASSERT_EQ(names.size(), expected.size());
      }
    }
  }
}

}  // namespace
}  // namespace meridian

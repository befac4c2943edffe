// SPDX-License-Identifier: MIT
/// ls: the names in a directory. cat: what a file says. They see the tree that programs will see.
#include <array>

#include "kernel/fs/root.h"
#include "kernel/shell/command.h"

namespace meridian {
namespace {

/// The letter that `ls -l` has for a type.
char letter_of(InodeType type) {
  switch (type) {
    case InodeType::fifo:
      return 'p';
    case InodeType::character_device:
      return 'c';
    case InodeType::directory:
      return 'd';
    case InodeType::block_device:
      return 'b';
    case InodeType::regular:
      return '-';
    case InodeType::symbolic_link:
      return 'l';
    case InodeType::socket:
      return 's';
  }
  UNREACHABLE();
}

/// "-rwxr-xr-x"
void print_mode(Writer& out, InodeType type, u32 mode) {
  out.put(letter_of(type));
  for (unsigned bit = 9; bit-- != 0;) out.put((mode >> bit & 1) != 0 ? "xwr"[bit % 3] : '-');
}

void print_inode(Writer& out, std::string_view name, Inode& inode) {
  const InodeStatus status = inode.status();
  print_mode(out, inode.type(), status.mode);
  print(out, " {:>3} {:>10} {}", status.links, status.size, name);
  if (SymbolicLink* const link = inode.as_symbolic_link()) print(out, " -> {}", link->target());
  out.put('\n');
}

/// Lists a directory piece by piece, so that nothing is printed with it locked.
class Names final : public DirectoryReader {
 public:
  bool take(const DirectoryEntry& entry) override {
    if (count_ == names_.size()) return false;
    print(names_[count_++], "{}", entry.name);
    next_ = entry.next;
    return true;
  }
  std::span<const BufferWriter<Directory::kLongestName>> names() const {
    return std::span(names_).first(count_);
  }
  u64 next() const { return next_; }

 private:
  std::array<BufferWriter<Directory::kLongestName>, 2> names_;
  usize count_ = 0;
  u64 next_ = 0;
};

Result<void> list_directory(Writer& out, Directory& directory) {
  for (u64 position = 0;;) {
    Names some;
    directory.list(position, some);
    if (some.names().empty()) return {};
    position = some.next();
    for (const auto& name : some.names()) {
      if (name.text().starts_with('.')) continue;
      const auto inode = directory.find(name.text());
      if (inode.has_value()) print_inode(out, name.text(), *inode.value());
    }
  }
}

Result<void> cmd_ls(Writer& out, Args& args) {
  const std::string_view path = args.more() ? TRY(args.word("PATH")) : "/";
  TRY(args.end());
  const PathStart start = TRY(root_start());
  const Ref<Inode> inode = TRY(look_up(start, path));
  if (Directory* const directory = inode->as_directory()) return list_directory(out, *directory);
  print_inode(out, path, *inode);
  return {};
}
SHELL_COMMAND("ls", "ls [PATH]", "the names in a directory: mode, links, size", cmd_ls,
              CommandGroup::programs);

/// A fifo that has nothing to say now is not waited for.
Result<void> cmd_cat(Writer& out, Args& args) {
  const std::string_view path = TRY(args.word("PATH"));
  TRY(args.end());
  const Ref<Inode> inode = TRY(look_up(TRY(root_start()), path));
  if (inode->is(InodeType::character_device)) return args.refuse("is a device: it may have no end");
  const auto file = TRY(open_path(TRY(root_start()), path, OpenFlags(OpenFlags::kNonblock)));
  std::array<std::byte, 256> piece;
  while (const u64 count = TRY(file->read(piece)))
    out.write({reinterpret_cast<const char*>(piece.data()), count});
  return {};
}
SHELL_COMMAND("cat", "cat PATH", "what a file says, /proc/meminfo for one", cmd_cat,
              CommandGroup::programs);

}  // namespace
}  // namespace meridian

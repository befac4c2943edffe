// SPDX-License-Identifier: MIT
/// Locks: a directory's names have one each. Whoever needs two directories at once (to move a name
/// or to remove a directory) holds the file system's `moves` as well, so that nobody else does, and
/// then takes them in any order. An inode's metadata comes below these.
#include "kernel/fs/tmpfs.h"

#include <cstring>
#include <new>

#include "kernel/fs/counted.h"
#include "kernel/fs/devices.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pipe.h"
#include "kernel/lib/treap.h"
#include "kernel/sync/mutex.h"
#include "mm/frames/frames.h"

namespace meridian {
namespace {

class Tmpfs final : public FileSystem {
 public:
  explicit Tmpfs(FileClock clock) : FileSystem(clock) {}

  std::string_view type_name() const override { return "tmpfs"; }
  /// All the memory there is: nothing else limits it.
  FileSystemStatus status() override {
    const FrameStats frames = frame_stats();
    return {kMagic, kPageSize, frames.managed, frames.free};
  }

  /// Held by whoever changes what a directory's parent is.
  Mutex moves;

 private:
  static constexpr u64 kMagic = 0x0102'1994;
  void destroy_this() override { destroy_counted(this); }
};

// Regular files.

class Regular final : public Inode {
 public:
  Regular(Ref<FileSystem> file_system, u32 permissions, u32 links, Ref<MemoryObject> contents)
      : Inode(std::move(file_system), InodeType::regular, permissions, links),
        contents_(std::move(contents)) {
    contents_->become_contents_of(*this, {.device = this->file_system().device(), .inode = number()});
  }
  ~Regular() { contents_->lose_file(); }

  Result<Ref<File>> open(OpenFlags flags) override;
  Result<void> truncate(u64 size) override {
    if (size > MemoryObject::kMostBytes) return Error{Errc::invalid_argument, size};
    MutexGuard guard(size_changes_);
    TRY(contents_->resize(size));
    note_change();
    return {};
  }
  MemoryObject* contents() override { return contents_.get(); }

  /// Writes at `at`, or at the end, and moves it behind what was written.
  Result<u64> write(u64& at, bool append, ByteSource& from) {
    MutexGuard guard(size_changes_);
    const u64 start = append ? contents_->size() : at;
    if (from.left() > MemoryObject::kMostBytes - start) return Error{Errc::file_too_large, start};
    if (from.left() != 0 && start >= from.file_limit()) return Error{Errc::over_limit, start};
    from.limit_to(from.file_limit() - start);
    const Result<u64> count = contents_->write(start, from);
    // The memory there is is all the room that the file system has.
    if (!count.has_value() && count.error().code == Errc::out_of_frames)
      return Error{Errc::no_space};
    if (!count.has_value()) return count;
    at = start + count.value();
    note_change();
    return count;
  }

 private:
  void fill(InodeStatus& status) override {
    status.size = contents_->size();
    status.blocks = contents_->resident_pages() * (kPageSize / 512);
  }
  void destroy_this() override { destroy_counted(this); }

  Ref<MemoryObject> contents_;
  Mutex size_changes_;
};

class OpenRegular final : public PositionedFile {
 public:
  OpenRegular(Regular& inode, OpenFlags flags)
      : PositionedFile(Ref<Inode>(inode), flags), file_(inode) {}

 private:
  Result<u64> read_from(u64 at, ByteSink& to) override {
    file_.note_access();
    return file_.contents()->read(at, to);
  }
  Result<u64> write_to(u64& at, ByteSource& from) override {
    return file_.write(at, flags().has(OpenFlags::kAppend), from);
  }
  u64 end() override { return file_.contents()->size(); }
  void destroy_this() override { destroy_counted(this); }

  Regular& file_;  // inode() keeps it
};

Result<Ref<File>> Regular::open(OpenFlags flags) {
  return Ref<File>(TRY(make_counted<OpenRegular>(*this, flags)));
}

// What is neither a regular file nor a directory.

class Link final : public SymbolicLink {
 public:
  /// `text` is kmalloc's, and the link's from now on.
  Link(Ref<FileSystem> file_system, char* text, usize size)
      : SymbolicLink(std::move(file_system), 0777), text_(text), size_(size) {}
  ~Link() { kfree(text_); }

  std::string_view target() override { return {text_, size_}; }

 private:
  void destroy_this() override { destroy_counted(this); }

  char* text_;
  usize size_;
};

class DeviceNode final : public Inode {
 public:
  DeviceNode(Ref<FileSystem> file_system, const NewInode& what)
      : Inode(std::move(file_system), what.type, what.permissions), device_(what.device) {}

  Result<Ref<File>> open(OpenFlags flags) override {
    if (!is(InodeType::character_device)) return Error{Errc::no_device, device_};
    return open_device(device_, Ref<Inode>(*this), flags);
  }

 private:
  void fill(InodeStatus& status) override { status.special_device = device_; }
  void destroy_this() override { destroy_counted(this); }

  u64 device_;
};

/// A named pipe.
class Fifo final : public Inode {
 public:
  Fifo(Ref<FileSystem> file_system, u32 permissions, Ref<Pipe> pipe)
      : Inode(std::move(file_system), InodeType::fifo, permissions), pipe_(std::move(pipe)) {}

  Result<Ref<File>> open(OpenFlags flags) override {
    return open_fifo(pipe_, Ref<Inode>(*this), flags);
  }

 private:
  void destroy_this() override { destroy_counted(this); }

  Ref<Pipe> pipe_;
};

// Directories.

/// A name. Its characters follow it in memory.
struct Name {
  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }

  TreapHook<Name> by_text, by_position;
  u64 position = 0;
  Ref<Inode> inode;
  Name* next_to_go = nullptr;
  usize size = 0;
};
std::string_view text_of(const Name& name) { return name.text(); }
u64 position_of(const Name& name) { return name.position; }

void destroy_name(Name* name) {
  name->~Name();
  kfree(name);
}

/// A name that is in no directory yet, or no more.
class OwnedName {
 public:
  static Result<OwnedName> make(std::string_view text) {
    if (text.size() > Directory::kLongestName) return Error{Errc::name_too_long, text.size()};
    Name* const name = new (TRY(kmalloc(sizeof(Name) + text.size()))) Name;
    name->size = text.size();
    std::memcpy(reinterpret_cast<char*>(name + 1), text.data(), text.size());
    return OwnedName(name);
  }
  explicit OwnedName(Name* name = nullptr) : name_(name) {}
  OwnedName(OwnedName&& other) noexcept : name_(other.let_go()) {}
  OwnedName& operator=(OwnedName&& other) noexcept {
    std::swap(name_, other.name_);
    return *this;
  }
  ~OwnedName() {
    if (name_ != nullptr) destroy_name(name_);
  }
  Name* operator->() const { return name_; }
  Name* let_go() { return std::exchange(name_, nullptr); }

 private:
  Name* name_;
};

class TmpfsDirectory final : public Directory {
 public:
  /// Without a parent it is its file system's root, and its own parent.
  TmpfsDirectory(Ref<FileSystem> file_system, u32 permissions, TmpfsDirectory* parent)
      : Directory(std::move(file_system), permissions) {
    names_.with([&](Names& names) { names.parent = parent != nullptr ? parent : this; });
  }
  ~TmpfsDirectory();

  Result<Ref<Inode>> find(std::string_view name) override;
  Result<Ref<Directory>> parent() override;
  void list(u64 position, DirectoryReader& reader) override;
  Result<Ref<Inode>> create(std::string_view name, const NewInode& what) override;
  Result<void> link(std::string_view name, Inode& inode) override;
  Result<Ref<Inode>> create_unnamed(u32 permissions) override;
  Result<void> unlink(std::string_view name) override;
  Result<void> remove_directory(std::string_view name) override;
  Result<void> rename(std::string_view name, Directory& to, std::string_view new_name,
                      RenameMode mode) override;

 private:
  struct Names {
    Name* find(std::string_view text) const { return by_text.find(text); }
    void insert(Name* name) {
      name->position = next_position++;
      by_text.insert(*name);
      by_position.insert(*name);
      ++count;
    }
    [[nodiscard]] OwnedName take(Name* name) {
      by_text.erase(*name);
      by_position.erase(*name);
      --count;
      return OwnedName(name);
    }
    bool is_deleted() const { return parent == nullptr; }

    Treap<Name, &Name::by_text, text_of> by_text;
    Treap<Name, &Name::by_position, position_of> by_position;
    u64 next_position = kFirstPosition;
    u64 count = 0;
    TmpfsDirectory* parent = nullptr;  // changes with `moves` held, too; nullptr: deleted
  };
  static constexpr u64 kFirstPosition = 2;  // behind "." and ".."

  struct Move {
    TmpfsDirectory &from, &to;
    std::string_view name, new_name;
    RenameMode mode;
  };
  static bool is_above(const Inode* inode, TmpfsDirectory& below);
  static Result<void> check_move(const Move& move);
  static Result<void> move_locked(const Move& move, Names& names, Names& new_names,
                                  OwnedName& fresh, OwnedName& gone);
  static Result<void> check_not_mounted(Inode& inode);
  static Result<void> displace(const Inode& by, Inode& target, TmpfsDirectory& directory);
  static void came(TmpfsDirectory& from, TmpfsDirectory& to, Inode& inode);
  static Result<void> delete_directory(Inode& inode);

  Tmpfs& tmpfs() const { return static_cast<Tmpfs&>(file_system()); }
  Result<Ref<Inode>> make(const NewInode& what);
  void destroy_this() override { destroy_counted(this); }

  Locked<Names> names_;
};

/// Everything below goes, too: each directory's names are added to the list of what has to go,
/// rather than destroyed from inside, because trees are deeper than stacks.
TmpfsDirectory::~TmpfsDirectory() {
  Name* to_go = nullptr;
  const auto take_all = [&to_go](TmpfsDirectory& directory) {
    directory.names_.with([&](Names& names) {
      while (Name* const name = names.by_position.at_least(u64{0})) {
        name->next_to_go = std::exchange(to_go, name);
        name->inode->leave_home(directory);
        (void)names.take(name).let_go();
      }
      names.parent = nullptr;
    });
  };
  take_all(*this);
  while (Name* const name = to_go) {
    to_go = name->next_to_go;
    if (Directory* const below = name->inode->as_directory())
      take_all(static_cast<TmpfsDirectory&>(*below));
    destroy_name(name);
  }
}

Result<Ref<Inode>> TmpfsDirectory::find(std::string_view text) {
  if (text.size() > kLongestName) return Error{Errc::name_too_long, text.size()};
  return names_.with([&](const Names& names) -> Result<Ref<Inode>> {
    const Name* const name = names.find(text);
    if (name == nullptr) return Error{Errc::not_found};
    return name->inode;
  });
}

Result<Ref<Directory>> TmpfsDirectory::parent() {
  return names_.with([](const Names& names) -> Result<Ref<Directory>> {
    if (names.is_deleted()) return Error{Errc::not_found};
    return Ref<Directory>(*names.parent);
  });
}

void TmpfsDirectory::list(u64 position, DirectoryReader& reader) {
  const Result<Ref<Directory>> above = parent();
  if (!above.has_value()) return;
  if (position == 0 && !reader.take({".", number(), InodeType::directory, 1})) return;
  if (position <= 1 && !reader.take({"..", above.value()->number(), InodeType::directory, 2}))
    return;
  names_.with([&](const Names& names) {
    for (u64 at = position;;) {
      const Name* const name = names.by_position.at_least(at);
      if (name == nullptr) return;
      at = name->position + 1;
      if (!reader.take({name->text(), name->inode->number(), name->inode->type(), at})) return;
    }
  });
}

/// An inode that has its name's link already.
Result<Ref<Inode>> TmpfsDirectory::make(const NewInode& what) {
  const Ref<FileSystem> fs(file_system());
  switch (what.type) {
    case InodeType::regular: {
      auto contents = TRY(MemoryObject::create(MemoryObject::Kind::file));
      return Ref<Inode>(TRY(make_counted<Regular>(fs, what.permissions, 1u, std::move(contents))));
    }
    case InodeType::directory:
      return Ref<Inode>(TRY(make_counted<TmpfsDirectory>(fs, what.permissions, this)));
    case InodeType::symbolic_link: {
      if (what.target.empty()) return Error{Errc::not_found};
      char* const text = static_cast<char*>(TRY(kmalloc(what.target.size())));
      std::memcpy(text, what.target.data(), what.target.size());
      auto link = make_counted<Link>(fs, text, what.target.size());
      if (!link.has_value()) kfree(text);
      return Ref<Inode>(TRY(std::move(link)));
    }
    case InodeType::fifo:
      return Ref<Inode>(TRY(make_counted<Fifo>(fs, what.permissions, TRY(Pipe::make()))));
    case InodeType::character_device:
    case InodeType::block_device:
    case InodeType::socket:
      return Ref<Inode>(TRY(make_counted<DeviceNode>(fs, what)));
  }
  UNREACHABLE();
}

Result<Ref<Inode>> TmpfsDirectory::create(std::string_view text, const NewInode& what) {
  OwnedName name = TRY(OwnedName::make(text));
  name->inode = TRY(make(what));
  Ref<Inode> made = name->inode;
  TRY(names_.with([&](Names& names) -> Result<void> {
    if (names.is_deleted()) return Error{Errc::not_found};
    if (names.find(text) != nullptr) return Error{Errc::exists};
    names.insert(name.let_go());
    made->set_home(*this);
    return {};
  }));
  if (what.type == InodeType::directory) change_links(+1);
  note_change();
  return made;
}

Result<void> TmpfsDirectory::link(std::string_view text, Inode& inode) {
  if (inode.is(InodeType::directory)) return Error{Errc::not_permitted};
  OwnedName name = TRY(OwnedName::make(text));
  name->inode = Ref<Inode>(inode);
  TRY(names_.with([&](Names& names) -> Result<void> {
    if (names.is_deleted()) return Error{Errc::not_found};
    if (names.find(text) != nullptr) return Error{Errc::exists};
    TRY(inode.add_link());
    names.insert(name.let_go());
    inode.set_home(*this);
    return {};
  }));
  note_change();
  return {};
}

Result<Ref<Inode>> TmpfsDirectory::create_unnamed(u32 permissions) {
  auto contents = TRY(MemoryObject::create(MemoryObject::Kind::file));
  return Ref<Inode>(TRY(
      make_counted<Regular>(Ref<FileSystem>(file_system()), permissions, 0u, std::move(contents))));
}

Result<void> TmpfsDirectory::unlink(std::string_view text) {
  const OwnedName name = TRY(names_.with([&](Names& names) -> Result<OwnedName> {
    Name* const found = names.find(text);
    if (found == nullptr) return Error{Errc::not_found};
    if (found->inode->is(InodeType::directory)) return Error{Errc::is_a_directory};
    found->inode->leave_home(*this);
    return names.take(found);
  }));
  name->inode->change_links(-1);
  note_change();
  return {};
}

Result<void> TmpfsDirectory::remove_directory(std::string_view text) {
  MutexGuard guard(tmpfs().moves);
  const OwnedName name = TRY(names_.with([&](Names& names) -> Result<OwnedName> {
    Name* const found = names.find(text);
    if (found == nullptr) return Error{Errc::not_found};
    TRY(delete_directory(*found->inode));
    return names.take(found);
  }));
  change_links(-1);
  note_change();
  return {};
}

/// What has no name any more takes none, and has no parent. `moves` is held.
Result<void> TmpfsDirectory::delete_directory(Inode& inode) {
  Directory* const directory = inode.as_directory();
  if (directory == nullptr) return Error{Errc::not_a_directory};
  if (directory->is_mount_point()) return Error{Errc::busy};
  TRY(static_cast<TmpfsDirectory*>(directory)->names_.with([](Names& names) -> Result<void> {
    if (names.count != 0) return Error{Errc::not_empty};
    names.parent = nullptr;
    return {};
  }));
  directory->change_links(-2);
  return {};
}

// Renaming.

/// True if `inode` is a directory that has `below` in it, or is it. `moves` is held.
bool TmpfsDirectory::is_above(const Inode* inode, TmpfsDirectory& below) {
  for (TmpfsDirectory* at = &below; at != nullptr;) {
    if (at == inode) return true;
    TmpfsDirectory* const above = at->names_.with([](const Names& names) { return names.parent; });
    at = above != at ? above : nullptr;
  }
  return false;
}

/// What keeps these two from changing their places in the tree. `moves` is held, so the answer
/// holds: a directory that has come to one of the names since is new and empty, and no tree is
/// below it.
Result<void> TmpfsDirectory::check_move(const Move& move) {
  const Result<Ref<Inode>> old = move.from.find(move.name), target = move.to.find(move.new_name);
  if (!old.has_value()) return old.error();
  if (is_above(old.value().get(), move.to)) return Error{Errc::invalid_argument};
  if (!target.has_value() || !is_above(target.value().get(), move.from)) return {};
  if (move.mode == RenameMode::no_replace) return Error{Errc::exists};
  return Error{move.mode == RenameMode::exchange ? Errc::invalid_argument : Errc::not_empty};
}

/// `moves` and both directories are held. What has lost its name is in `gone` then.
Result<void> TmpfsDirectory::move_locked(const Move& move, Names& names, Names& new_names,
                                         OwnedName& fresh, OwnedName& gone) {
  Name* const old = names.find(move.name);
  Name* const target = new_names.find(move.new_name);
  if (old == nullptr || new_names.is_deleted()) return Error{Errc::not_found};
  if (target != nullptr && move.mode == RenameMode::no_replace) return Error{Errc::exists};
  if (target == nullptr && move.mode == RenameMode::exchange) return Error{Errc::not_found};
  TRY(check_not_mounted(*old->inode));
  if (target != nullptr) TRY(check_not_mounted(*target->inode));
  if (target != nullptr && target->inode == old->inode) return {};
  if (move.mode == RenameMode::exchange) {
    std::swap(old->inode, target->inode);
    came(move.from, move.to, *target->inode);
    came(move.to, move.from, *old->inode);
    return {};
  }
  if (target == nullptr) {
    fresh->inode = old->inode;
    new_names.insert(fresh.let_go());
  } else {
    TRY(displace(*old->inode, *target->inode, move.to));
    std::swap(old->inode, target->inode);
  }
  gone = names.take(old);
  came(move.from, move.to, *(target != nullptr ? target : new_names.find(move.new_name))->inode);
  return {};
}

Result<void> TmpfsDirectory::check_not_mounted(Inode& inode) {
  Directory* const directory = inode.as_directory();
  if (directory != nullptr && directory->is_mount_point()) return Error{Errc::busy};
  return {};
}

/// Takes away the name that `target` has in `directory`, for `by` to have it.
Result<void> TmpfsDirectory::displace(const Inode& by, Inode& target, TmpfsDirectory& directory) {
  const bool target_is_directory = target.is(InodeType::directory);
  if (by.is(InodeType::directory) && !target_is_directory) return Error{Errc::not_a_directory};
  if (!by.is(InodeType::directory) && target_is_directory) return Error{Errc::is_a_directory};
  if (!target_is_directory) {
    target.leave_home(directory);
    target.change_links(-1);
    return {};
  }
  TRY(delete_directory(target));
  directory.change_links(-1);
  return {};
}

/// `inode` has moved from one directory to the other: so does its "..".
void TmpfsDirectory::came(TmpfsDirectory& from, TmpfsDirectory& to, Inode& inode) {
  inode.change_links(0);
  inode.set_home(to);
  Directory* const directory = inode.as_directory();
  if (directory == nullptr || &from == &to) return;
  static_cast<TmpfsDirectory*>(directory)->names_.with([&](Names& names) { names.parent = &to; });
  from.change_links(-1);
  to.change_links(+1);
}

Result<void> TmpfsDirectory::rename(std::string_view name, Directory& to_directory,
                                    std::string_view new_name, RenameMode mode) {
  auto& to = static_cast<TmpfsDirectory&>(to_directory);
  const Move move{*this, to, name, new_name, mode};
  OwnedName fresh = TRY(OwnedName::make(new_name)), gone;
  MutexGuard guard(tmpfs().moves);
  TRY(check_move(move));
  TRY(names_.with([&](Names& names) {
    if (this == &to) return move_locked(move, names, names, fresh, gone);
    return to.names_.with(
        [&](Names& new_names) { return move_locked(move, names, new_names, fresh, gone); });
  }));
  note_change();
  if (this != &to) to.note_change();
  return {};
}

}  // namespace

Result<Ref<Directory>> make_tmpfs(FileClock clock) {
  const auto file_system = TRY(make_counted<Tmpfs>(clock));
  return Ref<Directory>(
      TRY(make_counted<TmpfsDirectory>(Ref<FileSystem>(file_system), 0755u, nullptr)));
}

}  // namespace meridian

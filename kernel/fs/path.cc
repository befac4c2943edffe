// SPDX-License-Identifier: MIT
#include "kernel/fs/path.h"

#include <array>
#include <cstring>

#include "kernel/fs/counted.h"

namespace meridian {
namespace {

std::string_view without_slashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  return text;
}

/// The root of what is mounted on `directory`, or the directory.
Ref<Directory> top_of_mounts(Ref<Directory> directory) {
  while (Ref<Directory> root = directory->mounted()) directory = std::move(root);
  return directory;
}

Result<Ref<Directory>> parent_of(const Ref<Directory>& root, Ref<Directory> directory) {
  if (directory == root) return directory;
  while (Ref<Directory> covered = directory->covered()) directory = std::move(covered);
  if (directory == root) return directory;
  return top_of_mounts(TRY(directory->parent()));
}

/// Where a path ends: its last name, the directory which that is in, and what has it.
struct Place {
  enum class Kind : u8 {
    name,
    dot,      // "." or no name at all ("/")
    dot_dot,  // ".."
  };
  bool is_name() const { return kind == Kind::name; }

  Kind kind = Kind::dot;
  bool slash = false;  // behind the name: it must be a directory
  std::string_view name;
  Ref<Directory> directory;
  Ref<Inode> inode;       // none: the name is free
  Ref<Inode> text_owner;  // the link whose text `name` is in, if it is in one
};

/// Goes along a path, name by name, into links and back: what is left behind a link waits until
/// the link's own path is done.
class Walk {
 public:
  Walk(const PathStart& start, std::string_view path, FollowLast follow)
      : start_(start), path_(path), follow_(follow), rest_(path) {}

  Result<Place> run() {
    if (rest_.empty()) return Error{Errc::not_found};
    if (rest_.size() >= kPathMax) return Error{Errc::name_too_long, rest_.size()};
    go_to_start();
    for (;;) {
      const bool last = take_name();
      if (name_.size() > Directory::kLongestName) return Error{Errc::name_too_long, name_.size()};
      TRY(find_name());
      if (!inode_ && !last) return Error{Errc::not_found};
      if (inode_ && (!last || follow_ == FollowLast::yes || slash_) && TRY(enter_link())) continue;
      if (last) return finish();
      here_ = TRY(directory_of(inode_));
    }
  }

 private:
  /// The last `left` characters of a link's text, or of the path itself. There may be many of
  /// these, on a stack.
  struct Waiting {
    Ref<Inode> owner;
    usize left;
  };

  void go_to_start() {
    here_ = rest_.starts_with('/') ? start_.root : start_.at;
    rest_ = without_slashes(rest_);
  }

  /// Splits the next name off; true if none comes behind it.
  bool take_name() {
    if (rest_.empty() && waiting_count_ != 0) resume();
    const usize end = rest_.find('/');
    name_ = rest_.substr(0, end);
    const std::string_view behind = rest_.substr(name_.size());
    rest_ = without_slashes(behind);
    const bool last = rest_.empty() && waiting_count_ == 0;
    if (last && !behind.empty()) slash_ = true;
    return last;
  }
  void resume() {
    Waiting& next = waiting_[--waiting_count_];
    owner_ = std::move(next.owner);
    const std::string_view text = owner_ ? owner_->as_symbolic_link()->target() : path_;
    rest_ = text.substr(text.size() - next.left);
  }

  /// Sets inode_ to what has the name in here_; to nothing if it is free.
  Result<void> find_name() {
    inode_.reset();
    if (name_.empty() || name_ == ".") {
      inode_ = here_;
      return {};
    }
    if (name_ == "..") {
      inode_ = TRY(parent_of(start_.root, here_));
      return {};
    }
    Result<Ref<Inode>> found = here_->find(name_);
    if (!found.has_value())
      return found.error().code == Errc::not_found ? Result<void>() : found.error();
    inode_ = found.take();
    if (Directory* const directory = inode_->as_directory())
      inode_ = top_of_mounts(Ref<Directory>(*directory));
    return {};
  }

  /// True if the inode was a link with a path, which the walk is in now. A link that jumps leaves
  /// what it leads to in inode_.
  Result<bool> enter_link() {
    SymbolicLink* const link = inode_->as_symbolic_link();
    if (link == nullptr) return false;
    if (++links_ > kMostLinks) return Error{Errc::too_many_links, links_};
    if (Ref<Inode> target = TRY(link->jump())) {
      inode_ = std::move(target);
      return false;
    }
    if (!rest_.empty()) waiting_[waiting_count_++] = {std::move(owner_), rest_.size()};
    owner_ = std::move(inode_);
    rest_ = link->target();
    if (rest_.starts_with('/')) here_ = start_.root;
    rest_ = without_slashes(rest_);
    return true;
  }

  Result<Place> finish() {
    if (slash_ && inode_ && inode_->as_directory() == nullptr) return Error{Errc::not_a_directory};
    Place place;
    place.kind = name_ == ".."                   ? Place::Kind::dot_dot
                 : name_ == "." || name_.empty() ? Place::Kind::dot
                                                 : Place::Kind::name;
    place.slash = slash_;
    place.name = name_;
    place.directory = std::move(here_);
    place.inode = std::move(inode_);
    place.text_owner = std::move(owner_);
    return place;
  }

  const PathStart& start_;
  std::string_view path_;
  FollowLast follow_;
  std::string_view rest_, name_;
  Ref<Directory> here_;
  Ref<Inode> inode_, owner_;
  std::array<Waiting, kMostLinks> waiting_;
  usize waiting_count_ = 0;
  u64 links_ = 0;
  bool slash_ = false;
};

Result<Place> find_place(const PathStart& start, std::string_view path, FollowLast follow) {
  return Walk(start, path, follow).run();
}

/// For a name that is to be new.
Result<Place> find_free_place(const PathStart& start, std::string_view path,
                              InodeType type = InodeType::regular) {
  Place place = TRY(find_place(start, path, FollowLast::no));
  if (place.inode) return Error{Errc::exists};
  if (place.slash && type != InodeType::directory) return Error{Errc::not_found};
  return place;
}

/// O_PATH: it stands for a place in the tree, and nothing is done with what is there.
class PlaceFile final : public File {
 public:
  PlaceFile(Ref<Inode> inode, OpenFlags flags) : File(std::move(inode), flags) {}

 private:
  Result<u64> do_read(ByteSink&) override { return Error{Errc::bad_descriptor}; }
  Result<u64> do_write(ByteSource&) override { return Error{Errc::bad_descriptor}; }
  void destroy_this() override { destroy_counted(this); }
};

Result<Ref<File>> open_inode(Inode& inode, OpenFlags flags) {
  const bool is_directory = inode.is(InodeType::directory);
  if (flags.has(OpenFlags::kDirectory) && !is_directory) return Error{Errc::not_a_directory};
  if (flags.has(OpenFlags::kPath))
    return Ref<File>(TRY(make_counted<PlaceFile>(Ref<Inode>(inode), flags.kept())));
  if (is_directory && (flags.may_write() || flags.has(OpenFlags::kCreate)))
    return Error{Errc::is_a_directory};
  Ref<File> file = TRY(inode.open(flags.kept()));
  if (flags.has(OpenFlags::kTruncate) && inode.is(InodeType::regular) && flags.may_write())
    TRY(inode.truncate(0));
  return file;
}

/// O_CREAT for a name that is free. Errc::exists if it is not free any more.
Result<Ref<File>> open_new(const Place& place, OpenFlags flags, u32 permissions) {
  if (place.slash) return Error{Errc::is_a_directory};
  const Ref<Inode> made = TRY(place.directory->create(place.name, {.permissions = permissions}));
  return made->open(flags.kept());
}

Result<Ref<File>> open_unnamed(const PathStart& start, std::string_view path, OpenFlags flags,
                               u32 permissions) {
  if (!flags.may_write()) return Error{Errc::invalid_argument};
  const auto directory = TRY(directory_of(TRY(look_up(start, path))));
  return TRY(directory->create_unnamed(permissions))->open(flags.kept());
}

/// Collects the name that one inode has in a directory.
class NameFinder final : public DirectoryReader {
 public:
  NameFinder(u64 inode, std::span<char> buffer) : inode_(inode), buffer_(buffer) {}
  bool take(const DirectoryEntry& entry) override {
    if (entry.inode != inode_ || entry.name == "." || entry.name == "..") return true;
    found_ = true;
    size_ = entry.name.size();
    if (size_ < buffer_.size())
      std::memcpy(buffer_.data() + buffer_.size() - size_, entry.name.data(), size_);
    return false;
  }
  bool found() const { return found_; }
  usize size() const { return size_; }

 private:
  u64 inode_;
  std::span<char> buffer_;
  bool found_ = false;
  usize size_ = 0;
};

/// A path that grows to the left, inside a buffer.
class PathWriter {
 public:
  explicit PathWriter(std::span<char> buffer) : buffer_(buffer), room_(buffer) {}

  /// Puts "/" and the name that inode `number` has in `directory` before what is there.
  Result<void> prepend(Directory& directory, u64 number) {
    NameFinder finder(number, room_);
    directory.list(0, finder);
    if (!finder.found()) return Error{Errc::not_found};
    if (finder.size() >= room_.size()) return Error{Errc::bad_range, buffer_.size()};
    room_ = room_.first(room_.size() - finder.size());
    put_slash();
    return {};
  }
  Result<std::string_view> path() {
    if (buffer_.empty()) return Error{Errc::bad_range};
    if (room_.size() == buffer_.size()) put_slash();
    return std::string_view(buffer_.data() + room_.size(), buffer_.size() - room_.size());
  }

 private:
  void put_slash() { room_[room_.size() - 1] = '/', room_ = room_.first(room_.size() - 1); }

  std::span<char> buffer_, room_;
};

}  // namespace

Result<Ref<Inode>> look_up(const PathStart& start, std::string_view path, FollowLast follow) {
  Place place = TRY(find_place(start, path, follow));
  if (!place.inode) return Error{Errc::not_found};
  return std::move(place.inode);
}

Result<Ref<File>> open_path(const PathStart& start, std::string_view path, OpenFlags flags,
                            u32 permissions) {
  if (flags.has(OpenFlags::kUnnamed)) return open_unnamed(start, path, flags, permissions);
  const bool creates = flags.has(OpenFlags::kCreate);
  const bool exclusive = creates && flags.has(OpenFlags::kExclusive);
  const bool follows = !exclusive && !flags.has(OpenFlags::kNoFollow);
  for (;;) {
    const Place place = TRY(find_place(start, path, follows ? FollowLast::yes : FollowLast::no));
    if (place.inode && exclusive) return Error{Errc::exists};
    if (place.inode) return open_inode(*place.inode, flags);
    if (!creates) return Error{Errc::not_found};
    Result<Ref<File>> opened = open_new(place, flags, permissions);
    // Somebody else may have made it meanwhile: then it is there to be opened.
    if (opened.has_value() || exclusive || opened.error().code != Errc::exists) return opened;
  }
}

Result<Ref<Inode>> make_at(const PathStart& start, std::string_view path, const NewInode& what) {
  const Place place = TRY(find_free_place(start, path, what.type));
  return place.directory->create(place.name, what);
}

Result<void> link_at(const PathStart& start, std::string_view path, Inode& inode) {
  const Place place = TRY(find_free_place(start, path));
  if (&inode.file_system() != &place.directory->file_system())
    return Error{Errc::other_file_system};
  return place.directory->link(place.name, inode);
}

Result<void> unlink_at(const PathStart& start, std::string_view path) {
  const Place place = TRY(find_place(start, path, FollowLast::no));
  if (!place.inode) return Error{Errc::not_found};
  if (!place.is_name()) return Error{Errc::is_a_directory};
  return place.directory->unlink(place.name);
}

Result<void> remove_directory_at(const PathStart& start, std::string_view path) {
  const Place place = TRY(find_place(start, path, FollowLast::no));
  if (!place.inode) return Error{Errc::not_found};
  if (place.kind == Place::Kind::dot_dot) return Error{Errc::not_empty};
  if (place.kind == Place::Kind::dot)
    return Error{place.name.empty() ? Errc::busy : Errc::invalid_argument};
  return place.directory->remove_directory(place.name);
}

Result<void> rename_at(const PathStart& old_start, std::string_view old_path,
                       const PathStart& new_start, std::string_view new_path, RenameMode mode) {
  const Place old = TRY(find_place(old_start, old_path, FollowLast::no));
  const Place fresh = TRY(find_place(new_start, new_path, FollowLast::no));
  if (&old.directory->file_system() != &fresh.directory->file_system())
    return Error{Errc::other_file_system};
  if (!old.is_name() || !fresh.is_name()) return Error{Errc::busy};
  if (!old.inode) return Error{Errc::not_found};
  if (fresh.slash && !old.inode->is(InodeType::directory)) return Error{Errc::not_a_directory};
  return old.directory->rename(old.name, *fresh.directory, fresh.name, mode);
}

Result<std::string_view> path_of(const Ref<Directory>& root, const Ref<Inode>& inode,
                                 std::span<char> buffer) {
  PathWriter path(buffer);
  Ref<Directory> at;
  if (Directory* const directory = inode->as_directory()) {
    at = Ref<Directory>(*directory);
  } else {
    at = inode->home();
    if (!at) return Error{Errc::not_found};
    TRY(path.prepend(*at, inode->number()));
    at = top_of_mounts(std::move(at));
  }
  while (at != root) {
    while (Ref<Directory> covered = at->covered()) at = std::move(covered);
    if (at == root) break;
    Ref<Directory> above = TRY(at->parent());
    if (above == at) return Error{Errc::not_found};  // a root, but not ours
    TRY(path.prepend(*above, at->number()));
    at = top_of_mounts(std::move(above));
  }
  return path.path();
}

}  // namespace meridian

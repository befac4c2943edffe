// SPDX-License-Identifier: MIT
/// Inodes are made whenever a name is looked up, and forgotten with it; their numbers are made of
/// what they are about, so that they are always the same.
#include "kernel/fs/proc_fs.h"

#include "kernel/fs/counted.h"
#include "kernel/fs/file.h"
#include "kernel/lib/parse.h"

namespace meridian {
namespace {

class ProcFs final : public FileSystem {
 public:
  ProcFs(FileClock clock, std::span<const ProcFile> its_files, ProcSource* its_source)
      : FileSystem(clock), files(its_files), source(its_source) {}

  std::string_view type_name() const override { return "proc"; }
  FileSystemStatus status() override { return {0x9fa0, kPageSize, 0, 0}; }

  const std::span<const ProcFile> files;
  ProcSource* const source;

 private:
  void destroy_this() override { destroy_counted(this); }
};

/// The process directories' own files.
struct SubjectFile {
  std::string_view name;
  void (*print)(Writer& out, ProcSubject& process);
  Result<void> (*write)(ProcSubject& process, std::string_view text) = nullptr;
};

/// What `echo` has behind its text is none of it.
std::string_view one_line(std::string_view text) { return text.substr(0, text.find('\n')); }

Result<void> write_oom_adjustment(ProcSubject& process, std::string_view text) {
  std::string_view number = one_line(text);
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const Result<u64> value = parse_number(number);
  if (!value.has_value() || value.value() > 1000) return Error{Errc::invalid_argument};
  const i64 size = static_cast<i64>(value.value());
  return process.set_oom_adjustment(negative ? -size : size);
}

Result<void> write_name(ProcSubject& process, std::string_view text) {
  process.set_name(one_line(text));
  return {};
}

constexpr SubjectFile kSubjectFiles[] = {
    {"auxv", [](Writer& out, ProcSubject& p) { p.print_aux_vector(out); }},
    {"cmdline", [](Writer& out, ProcSubject& p) { p.print_command_line(out); }},
    {"comm", [](Writer& out, ProcSubject& p) { print(out, "{}\n", p.status().name); }, write_name},
    {"environ", [](Writer& out, ProcSubject& p) { p.print_environment(out); }},
    {"limits", [](Writer& out, ProcSubject& p) { p.print_limits(out); }},
    {"maps", [](Writer& out, ProcSubject& p) { p.print_maps(out); }},
    {"mounts", [](Writer& out, ProcSubject& p) { p.print_mounts(out); }},
    {"oom_score_adj", [](Writer& out, ProcSubject& p) { print(out, "{}\n", p.oom_adjustment()); },
     write_oom_adjustment},
    {"smaps", [](Writer& out, ProcSubject& p) { p.print_smaps(out); }},
    {"stat", [](Writer& out, ProcSubject& p) { print_stat(out, p.status()); }},
    {"statm", [](Writer& out, ProcSubject& p) { print_statm(out, p.status()); }},
    {"status", [](Writer& out, ProcSubject& p) { print_status(out, p.status()); }},
};
struct SubjectLink {
  std::string_view name;
  ProcSubject::Link which;
};
constexpr SubjectLink kSubjectLinks[] = {
    {"cwd", ProcSubject::Link::working_directory},
    {"exe", ProcSubject::Link::executable},
    {"root", ProcSubject::Link::root},
};

template <typename Use>
Result<void> with_process(const ProcFs& fs, u64 pid, Use use) {
  if (fs.source == nullptr) return Error{Errc::not_found};
  return with_process(*fs.source, pid, use);
}

// Files.

/// Text goes into a memory object; whether all of it could, is asked at the end.
class MemoryWriter final : public Writer {
 public:
  explicit MemoryWriter(MemoryObject& to) : to_(to) {}
  void write(std::string_view text) override {
    if (!result_.has_value()) return;
    const Result<u64> written = to_.write(to_.size(), std::as_bytes(std::span(text)));
    if (!written.has_value())
      result_ = written.error();
    else if (written.value() != text.size())
      result_ = Error{Errc::out_of_frames};
  }
  Result<void> result() const { return result_; }

 private:
  MemoryObject& to_;
  Result<void> result_;
};

class ProcInode;

class OpenText final : public PositionedFile {
 public:
  OpenText(Ref<Inode> inode, OpenFlags flags, Ref<MemoryObject> text)
      : PositionedFile(std::move(inode), flags), text_(std::move(text)) {}

 private:
  Result<u64> read_from(u64 at, ByteSink& to) override { return text_->read(at, to); }
  Result<u64> write_to(u64& at, ByteSource& from) override;
  u64 end() override { return text_->size(); }
  void destroy_this() override { destroy_counted(this); }

  Ref<MemoryObject> text_;
};

/// Either a file of the table, or one of a process.
class ProcInode final : public Inode {
 public:
  ProcInode(Ref<FileSystem> fs, u64 number, const ProcFile& file)
      : Inode(std::move(fs), InodeType::regular, 0444, 1, number), file_(&file) {}
  ProcInode(Ref<FileSystem> fs, u64 number, u64 pid, const SubjectFile& file)
      : Inode(std::move(fs), InodeType::regular, file.write != nullptr ? 0644 : 0444, 1, number),
        pid_(pid),
        subject_(&file) {}

  /// What is written is heard at once, and kept nowhere.
  Result<void> truncate(u64) override { return {}; }
  Result<void> write(std::string_view text) {
    Result<void> written;
    TRY(with_process(static_cast<ProcFs&>(file_system()), pid_,
                     [&](ProcSubject& process) { written = subject_->write(process, text); }));
    return written;
  }

  Result<Ref<File>> open(OpenFlags flags) override {
    const bool is_writable = subject_ != nullptr && subject_->write != nullptr;
    if (flags.may_write() && !is_writable) return Error{Errc::no_access};
    const auto text = TRY(MemoryObject::create(MemoryObject::Kind::file));
    MemoryWriter out(*text);
    if (file_ != nullptr)
      file_->print(out);
    else
      TRY(with_process(static_cast<ProcFs&>(file_system()), pid_,
                       [&](ProcSubject& process) { subject_->print(out, process); }));
    TRY(out.result());
    return Ref<File>(TRY(make_counted<OpenText>(Ref<Inode>(*this), flags, text)));
  }

 private:
  void destroy_this() override { destroy_counted(this); }

  const ProcFile* file_ = nullptr;
  u64 pid_ = 0;
  const SubjectFile* subject_ = nullptr;
};

/// What is written at once is one text; no file takes a longer one.
Result<u64> OpenText::write_to(u64& at, ByteSource& from) {
  std::array<std::byte, 64> text;
  const u64 size = from.take(text);
  if (from.has_failed()) return Error{Errc::fault};
  TRY(static_cast<ProcInode&>(inode()).write({reinterpret_cast<const char*>(text.data()), size}));
  from.drop(from.left());
  at += from.done();
  return from.done();
}

/// A link whose text is for people; it leads to an inode itself, if it has one.
class ProcLink final : public SymbolicLink {
 public:
  using Text = BufferWriter<512>;
  ProcLink(Ref<FileSystem> fs, u64 number, const Text& text, Ref<Inode> leads_to)
      : SymbolicLink(std::move(fs), 0777, number), text_(text), leads_to_(std::move(leads_to)) {}

  std::string_view target() override { return text_.text(); }
  Result<Ref<Inode>> jump() override { return leads_to_; }

 private:
  void destroy_this() override { destroy_counted(this); }

  Text text_;
  Ref<Inode> leads_to_;
};

// Directories.

/// Where the numbers of inodes and the positions in directories of each kind start.
constexpr u64 kRootInode = 1, kTableInodes = 0x100, kPidShift = 20;
constexpr u64 kLinkInodes = 0x100, kTaskInode = 0x200, kThreadInodes = 0x400;
constexpr u64 kDescriptorInodes = 0x1000;
constexpr u64 kFirstPosition = 2, kSelfPosition = 0x1'0000, kPidPositions = kSelfPosition + 1;

u64 inode_of(u64 pid, u64 number) { return pid << kPidShift | number; }

class ProcDirectory : public Directory {
 public:
  Result<Ref<Directory>> parent() final { return parent_ ? parent_ : Ref<Directory>(*this); }
  void list(u64 position, DirectoryReader& reader) final {
    const u64 above = parent_ ? parent_->number() : number();
    if (position == 0 && !reader.take({".", number(), InodeType::directory, 1})) return;
    if (position <= 1 && !reader.take({"..", above, InodeType::directory, 2})) return;
    list_own(position < kFirstPosition ? kFirstPosition : position, reader);
  }

 protected:
  ProcDirectory(Ref<FileSystem> fs, u64 number, Ref<Directory> parent)
      : Directory(std::move(fs), 0555, number), parent_(std::move(parent)) {}
  ~ProcDirectory() = default;

  ProcFs& fs() const { return static_cast<ProcFs&>(file_system()); }
  Ref<FileSystem> shared_fs() const { return Ref<FileSystem>(file_system()); }

 private:
  virtual void list_own(u64 position, DirectoryReader& reader) = 0;

  Ref<Directory> parent_;
};

/// /proc/PID/fd
class DescriptorDirectory final : public ProcDirectory {
 public:
  DescriptorDirectory(Ref<FileSystem> fs, u64 pid, Ref<Directory> parent)
      : ProcDirectory(std::move(fs), inode_of(pid, kDescriptorInodes), std::move(parent)),
        pid_(pid) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    const Result<u64> fd = parse_number(name);
    if (!fd.has_value() || fd.value() > ~u32{0}) return Error{Errc::not_found};
    ProcLink::Text text;
    Result<Ref<Inode>> inode = Error{Errc::not_found};
    TRY(with_process(fs(), pid_, [&](ProcSubject& process) {
      inode = process.descriptor(static_cast<u32>(fd.value()), text);
    }));
    return Ref<Inode>(
        TRY(make_counted<ProcLink>(shared_fs(), inode_of(pid_, kDescriptorInodes + 1 + fd.value()),
                                   text, TRY(std::move(inode)))));
  }

 private:
  void list_own(u64 position, DirectoryReader& reader) override {
    (void)with_process(fs(), pid_, [&](ProcSubject& process) {
      for (u64 at = position - kFirstPosition;;) {
        const std::optional<u32> fd = process.next_descriptor(static_cast<u32>(at));
        if (!fd) return;
        BufferWriter<16> name;
        print(name, "{}", *fd);
        at = u64{*fd} + 1;
        if (!reader.take({name.text(), inode_of(pid_, kDescriptorInodes + 1 + *fd),
                          InodeType::symbolic_link, at + kFirstPosition}))
          return;
      }
    });
  }
  void destroy_this() override { destroy_counted(this); }

  u64 pid_;
};

/// /proc/PID, and /proc/PID/task/TID, which has the same but for "task".
class ProcessDirectory final : public ProcDirectory {
 public:
  enum class Kind : u8 { process, thread };

  ProcessDirectory(Ref<FileSystem> fs, u64 pid, u64 inode, Kind kind, Ref<Directory> parent)
      : ProcDirectory(std::move(fs), inode, std::move(parent)), pid_(pid), kind_(kind) {}

  Result<Ref<Inode>> find(std::string_view name) override;

 private:
  static constexpr usize kFiles = std::size(kSubjectFiles), kLinks = std::size(kSubjectLinks);

  Result<Ref<Inode>> find_link(usize i);
  /// The `i`th name.
  DirectoryEntry entry(usize i) const {
    if (i < kFiles) return {kSubjectFiles[i].name, number() + 1 + i, InodeType::regular};
    if (i < kFiles + kLinks)
      return {kSubjectLinks[i - kFiles].name, number() + kLinkInodes + i - kFiles,
              InodeType::symbolic_link};
    if (i == kFiles + kLinks)
      return {"fd", inode_of(pid_, kDescriptorInodes), InodeType::directory};
    return {"task", inode_of(pid_, kTaskInode), InodeType::directory};
  }
  void list_own(u64 position, DirectoryReader& reader) override {
    const usize names = kFiles + kLinks + (kind_ == Kind::process ? 2 : 1);
    for (u64 at = position - kFirstPosition; at < names; ++at) {
      DirectoryEntry next = entry(at);
      next.next = at + 1 + kFirstPosition;
      if (!reader.take(next)) return;
    }
  }
  void destroy_this() override { destroy_counted(this); }

  u64 pid_;
  Kind kind_;
};

/// /proc/PID/task
class TaskDirectory final : public ProcDirectory {
 public:
  TaskDirectory(Ref<FileSystem> fs, u64 pid, Ref<Directory> parent)
      : ProcDirectory(std::move(fs), inode_of(pid, kTaskInode), std::move(parent)), pid_(pid) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    const Result<u64> tid = parse_number(name);
    if (!tid.has_value() || tid.value() == 0 || next(tid.value()) != tid.value())
      return Error{Errc::not_found};
    return Ref<Inode>(
        TRY(make_counted<ProcessDirectory>(shared_fs(), pid_, inode_of(tid.value(), kThreadInodes),
                                           ProcessDirectory::Kind::thread, Ref<Directory>(*this))));
  }

 private:
  u64 next(u64 from) const {
    u64 tid = 0;
    (void)with_process(fs(), pid_, [&](ProcSubject& p) { tid = p.next_thread(from); });
    return tid;
  }
  void list_own(u64 position, DirectoryReader& reader) override {
    for (u64 tid = next(position - kFirstPosition); tid != 0; tid = next(tid + 1)) {
      BufferWriter<24> name;
      print(name, "{}", tid);
      if (!reader.take({name.text(), inode_of(tid, kThreadInodes), InodeType::directory,
                        tid + 1 + kFirstPosition}))
        return;
    }
  }
  void destroy_this() override { destroy_counted(this); }

  u64 pid_;
};

Result<Ref<Inode>> ProcessDirectory::find(std::string_view name) {
  for (usize i = 0; i < kFiles; ++i)
    if (kSubjectFiles[i].name == name)
      return Ref<Inode>(
          TRY(make_counted<ProcInode>(shared_fs(), number() + 1 + i, pid_, kSubjectFiles[i])));
  for (usize i = 0; i < kLinks; ++i)
    if (kSubjectLinks[i].name == name) return find_link(i);
  const Ref<Directory> here(*this);
  if (name == "fd")
    return Ref<Inode>(TRY(make_counted<DescriptorDirectory>(shared_fs(), pid_, here)));
  if (name == "task" && kind_ == Kind::process)
    return Ref<Inode>(TRY(make_counted<TaskDirectory>(shared_fs(), pid_, here)));
  return Error{Errc::not_found};
}

Result<Ref<Inode>> ProcessDirectory::find_link(usize i) {
  ProcLink::Text text;
  Result<Ref<Inode>> inode = Error{Errc::not_found};
  TRY(with_process(fs(), pid_, [&](ProcSubject& process) {
    inode = process.link(kSubjectLinks[i].which, text);
  }));
  return Ref<Inode>(TRY(make_counted<ProcLink>(shared_fs(), number() + kLinkInodes + i, text,
                                               TRY(std::move(inode)))));
}

/// The root, or a directory that paths of the table go through: those that start with `prefix`.
class TableDirectory final : public ProcDirectory {
 public:
  TableDirectory(Ref<FileSystem> fs, u64 number, std::string_view prefix, Ref<Directory> parent)
      : ProcDirectory(std::move(fs), number, std::move(parent)), prefix_(prefix) {}

  Result<Ref<Inode>> find(std::string_view name) override {
    if (is_root() && name == "self") return find_self();
    for (usize i = 0; i < fs().files.size(); ++i) {
      if (!leads_to(i, name)) continue;
      const ProcFile& file = fs().files[i];
      const usize through = prefix_.size() + name.size();
      if (through == file.path.size())
        return Ref<Inode>(TRY(make_counted<ProcInode>(shared_fs(), kTableInodes + 2 * i, file)));
      return Ref<Inode>(TRY(make_counted<TableDirectory>(shared_fs(), directory_inode(i),
                                                         file.path.substr(0, through + 1),
                                                         Ref<Directory>(*this))));
    }
    if (!is_root()) return Error{Errc::not_found};
    return find_process(name);
  }

 private:
  bool is_root() const { return prefix_.empty(); }
  /// Different for "sys/" and "sys/kernel/", which may have the same first file.
  u64 directory_inode(usize i) const { return kTableInodes + 2 * i + 1 + (prefix_.size() << 12); }

  /// Is `name` the name in this directory that leads to file `i`?
  bool leads_to(usize i, std::string_view name) const {
    std::string_view path = fs().files[i].path;
    if (!path.starts_with(prefix_)) return false;
    path.remove_prefix(prefix_.size());
    return path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '/');
  }
  /// That name; empty if there is none.
  std::string_view step_of(usize i) const {
    const std::string_view path = fs().files[i].path;
    if (!path.starts_with(prefix_)) return {};
    const std::string_view rest = path.substr(prefix_.size());
    return rest.substr(0, rest.find('/'));
  }

  Result<Ref<Inode>> find_self() {
    const u64 pid = fs().source != nullptr ? fs().source->self() : 0;
    if (pid == 0) return Error{Errc::not_found};
    ProcLink::Text text;
    print(text, "{}", pid);
    return Ref<Inode>(TRY(make_counted<ProcLink>(shared_fs(), kRootInode + 1, text, Ref<Inode>())));
  }
  Result<Ref<Inode>> find_process(std::string_view name) {
    const Result<u64> pid = parse_number(name);
    if (!pid.has_value()) return Error{Errc::not_found};
    TRY(with_process(fs(), pid.value(), [](ProcSubject&) {}));
    return Ref<Inode>(TRY(
        make_counted<ProcessDirectory>(shared_fs(), pid.value(), inode_of(pid.value(), 0),
                                       ProcessDirectory::Kind::process, Ref<Directory>(*this))));
  }

  void list_own(u64 position, DirectoryReader& reader) override {
    for (u64 i = position - kFirstPosition; i < fs().files.size(); ++i)
      if (!list_file(i, reader)) return;
    if (!is_root() || fs().source == nullptr) return;
    if (position <= kSelfPosition && fs().source->self() != 0 &&
        !reader.take({"self", kRootInode + 1, InodeType::symbolic_link, kPidPositions}))
      return;
    list_processes(position > kPidPositions ? position - kPidPositions : 0, reader);
  }
  bool list_file(u64 i, DirectoryReader& reader) {
    const std::string_view step = step_of(i);
    if (step.empty() || (i != 0 && step_of(i - 1) == step)) return true;
    const bool is_file = prefix_.size() + step.size() == fs().files[i].path.size();
    return reader.take({step, is_file ? kTableInodes + 2 * i : directory_inode(i),
                        is_file ? InodeType::regular : InodeType::directory,
                        i + 1 + kFirstPosition});
  }
  void list_processes(u64 from, DirectoryReader& reader) {
    for (u64 pid = fs().source->next(from); pid != 0; pid = fs().source->next(pid + 1)) {
      BufferWriter<24> name;
      print(name, "{}", pid);
      if (!reader.take(
              {name.text(), inode_of(pid, 0), InodeType::directory, kPidPositions + pid + 1}))
        return;
    }
  }
  void destroy_this() override { destroy_counted(this); }

  std::string_view prefix_;  // part of a path of the table
};

}  // namespace

Result<Ref<Directory>> make_proc_fs(FileClock clock, std::span<const ProcFile> files,
                                    ProcSource* source) {
  const auto fs = TRY(make_counted<ProcFs>(clock, files, source));
  return Ref<Directory>(TRY(make_counted<TableDirectory>(Ref<FileSystem>(fs), kRootInode,
                                                         std::string_view{}, Ref<Directory>())));
}

}  // namespace meridian

// SPDX-License-Identifier: MIT
#include "kernel/proc/exec.h"

#include <arch/user.h>

#include <algorithm>

#include "kernel/fs/random.h"
#include "kernel/proc/initial_stack.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/signal_handler.h"
#include "mm/slab/kmalloc.h"
#include "mm/user/active_user_space.h"
#include "mm/user/user_layout.h"

namespace meridian {
namespace {

/// What of a file is looked at before it is mapped.
class FileHead {
 public:
  static constexpr usize kSize = kPageSize;

  static Result<FileHead> read(MemoryObject& contents) {
    FileHead head;
    head.bytes_ = static_cast<std::byte*>(TRY(kmalloc(kSize)));
    head.size_ = contents.read(0, {head.bytes_, kSize});
    return head;
  }
  FileHead(FileHead&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_) {}
  FileHead& operator=(FileHead&&) = delete;
  ~FileHead() { kfree(bytes_); }

  std::span<const std::byte> bytes() const { return {bytes_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_), size_}; }

 private:
  FileHead() = default;
  std::byte* bytes_ = nullptr;
  usize size_ = 0;
};

/// "#!" and what follows it: an interpreter and at most one argument.
struct Script {
  std::string_view interpreter, argument;
};

/// Errc::bad_format if the first line names no interpreter, or does not fit where Linux looks.
Result<std::optional<Script>> script_of(std::string_view head) {
  constexpr usize kLongestLine = 256;
  constexpr std::string_view kBlanks = " \t";
  if (!head.starts_with("#!")) return std::optional<Script>();
  std::string_view line = head.substr(2, kLongestLine - 2);
  const usize end = line.find('\n');
  if (end == line.npos && head.size() >= kLongestLine) return Error{Errc::bad_format};
  line = line.substr(0, end);
  const auto trim = [&](std::string_view text) {
    const usize first = text.find_first_not_of(kBlanks), last = text.find_last_not_of(kBlanks);
    return first == text.npos ? std::string_view{} : text.substr(first, last - first + 1);
  };
  line = trim(line);
  if (line.empty()) return Error{Errc::bad_format};
  const usize blank = line.find_first_of(kBlanks);
  return std::optional(Script{
      .interpreter = line.substr(0, blank),
      .argument = blank == line.npos ? std::string_view{} : trim(line.substr(blank)),
  });
}

/// The arguments with which a script's interpreter is started.
Result<ExecStrings> strings_for(const Script& script, std::string_view path, ExecStrings strings) {
  ExecStrings fresh;
  TRY(fresh.add_argument(script.interpreter));
  if (!script.argument.empty()) TRY(fresh.add_argument(script.argument));
  TRY(fresh.add_argument(path));
  if (strings.arguments() != 0) strings.drop_first();
  TRY(fresh.append(strings));
  return fresh;
}

/// A file that may be executed: a regular one, with an x bit set for somebody.
Result<Ref<Inode>> executable(const PathStart& start, std::string_view path) {
  Ref<Inode> file = TRY(look_up(start, path));
  if (!file->is(InodeType::regular) || (file->status().mode & 0111) == 0 ||
      file->contents() == nullptr)
    return Error{Errc::no_access};
  return file;
}

std::string_view last_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0
}

UserSpace::Request request_at(UserRange pages, const Protection& protection) {
  UserSpace::Request request{.address = pages.start(), .size = pages.size(), .traits = {}};
  request.place = UserSpace::Place::fixed_no_replace;
  request.traits.protection = protection;
  return request;
}

constexpr Protection kReadWrite{.read = true, .write = true};

/// Fills a new space from an ELF file.
class Loader {
 public:
  Loader(UserSpace& space, MemoryObject& contents, const ElfImage& image, u64 bias)
      : space_(space), contents_(contents), image_(image), bias_(bias) {}

  Result<void> map_segments() {
    for (const ElfSegment& segment : image_.segments()) TRY(map_segment(segment));
    return {};
  }
  ProgramPlaces places() const {
    ProgramPlaces places;
    for (const ElfSegment& segment : image_.segments()) {
      const UserRange memory(segment.memory.start() + bias_, segment.file_size);
      if (segment.execute && places.code.size() == 0) places.code = memory;
      if (segment.write) places.data = memory;
    }
    return places;
  }

 private:
  Result<void> map_segment(const ElfSegment& segment);

  UserSpace& space_;
  MemoryObject& contents_;
  const ElfImage& image_;
  u64 bias_;
};

/// The file's pages are mapped privately, so that all programs made of one file share them until one
/// writes; behind them come pages of zeros. What the last page has of the file behind the segment's part is zeros for
/// the program, up to the page's end, if it has zeros to follow and may write there (as on Linux: ld.so puts its first
/// objects behind its own last variable, and counts on it).
Result<void> Loader::map_segment(const ElfSegment& segment) {
  const Protection rights{.read = true, .write = segment.write, .execute = segment.execute};
  const UserAddr start = segment.memory.start() + bias_;
  const UserAddr file_end = start + segment.file_size, end = start + segment.memory.size();
  UserAddr at = start.align_down(kPageSize);
  if (segment.file_size != 0) {
    const UserRange pages = UserRange::between(at, file_end.align_up(kPageSize));
    UserSpace::Request request = request_at(pages, rights);
    request.object = Ref<MemoryObject>(contents_);
    request.offset = align_down(segment.offset, kPageSize);
    TRY(space_.map(request));
    at = pages.end();
    if (segment.write && end > file_end && !file_end.is_aligned(kPageSize))
      TRY(space_.clear(UserRange::between(file_end, at)));
  }
  if (at >= end) return {};
  TRY(space_.map(request_at(UserRange::between(at, end.align_up(kPageSize)), rights)));
  return {};
}

struct Loading {
  const PathStart& start;
  std::string_view path;
  const ExecStrings& strings;
  const Limits& limits;
  UserLayout layout;
  u64 bias;
  UserAddr interpreter{};  // where it is loaded, and where it begins
  UserAddr interpreter_entry{};
};

/// Where the programs of `layout` may be.
ElfImage::Limits limits_of(const UserLayout& layout) {
  return {layout.lowest, layout.stack.start() - kPageSize};
}

/// Stack and heap, and with them all that is left to say of `program`.
[[gnu::noinline]] Result<void> make_stack(LoadedProgram& program, const ElfImage& image,
                                          const Loading& loading) {
  const u64 bias = loading.bias;
  UserSpace& space = *program.space;
  UserSpace::Request stack = request_at(loading.layout.stack, kReadWrite);
  stack.traits.grows_down = true;
  TRY(space.map(stack));
  // A page apart, so that what the file has and the heap are VMAs of their own.
  space.set_break_start((image.span().end() + bias).align_up(kPageSize) + kPageSize);

  StartInfo info{.name = loading.path,
                 .strings = loading.strings,
                 .entry = image.entry() + bias,
                 .headers = {},
                 .interpreter = loading.interpreter};
  if (image.headers() != UserAddr(0)) info.headers = image.headers() + bias;
  info.header_count = image.header_count();
  random_bytes().fill(std::as_writable_bytes(std::span(info.random)));
  const u64 most = std::min(loading.limits[LimitKind::stack].soft / 4, u64{ExecStrings::kMost});
  const InitialStack start =
      TRY(build_initial_stack(space, loading.layout.stack, most, info));
  program.places.arguments = start.arguments;
  program.places.environment = start.environment;
  program.places.stack = start.pointer;
  program.places.aux = start.aux;
  program.entry = image.interpreter().empty() ? info.entry : loading.interpreter_entry;
  program.stack_pointer = start.pointer;
  return {};
}

/// Room for `image` where mappings go.
Result<UserAddr> room_for(UserSpace& space, const ElfImage& image) {
  const u64 size = image.span().size();
  const UserAddr start = TRY(space.map({.address = UserAddr(0), .size = size, .traits = {}}));
  TRY(space.unmap(start, size));
  return start;
}

/// Loads what the program's own segments are to be linked by, beside them. Of its interpreter, if it should have one
/// itself, nobody asks.
[[gnu::noinline]] Result<void> load_interpreter(UserSpace& space, std::string_view path,
                                                Loading& loading, ElfProblem& problem) {
  const Result<Ref<Inode>> file = executable(loading.start, path);
  if (!file.has_value()) {
    problem = ElfProblem::no_interpreter;
    return file.error();
  }
  MemoryObject& contents = *file.value()->contents();
  const FileHead head = TRY(FileHead::read(contents));
  const Result<ElfImage> image =
      ElfImage::open(head.bytes(), contents.size(), limits_of(loading.layout), problem);
  if (!image.has_value()) {
    problem = ElfProblem::bad_interpreter;
    return image.error();
  }
  u64 bias = 0;
  if (image.value().is_relocatable())
    bias = TRY(room_for(space, image.value())) - image.value().span().start();
  TRY(Loader(space, contents, image.value(), bias).map_segments());
  loading.interpreter = UserAddr(bias);
  loading.interpreter_entry = image.value().entry() + bias;
  return {};
}

[[gnu::noinline]] Result<void> load_elf(LoadedProgram& program, Loading loading, std::span<const std::byte> head,
                      ElfProblem& problem) {
  MemoryObject& contents = *program.file->contents();
  const Result<ElfImage> opened =
      ElfImage::open(head, contents.size(), limits_of(loading.layout), problem);
  if (!opened.has_value()) return opened.error();
  const ElfImage& image = opened.value();
  if (image.is_relocatable()) loading.bias = loading.layout.image.value();

  program.space = TRY(UserSpace::create());
  program.space->set_limits(loading.limits.of_space({}));
  TRY(map_sigreturn_page(*program.space));
  Loader loader(*program.space, contents, image, loading.bias);
  TRY(loader.map_segments());
  if (!image.interpreter().empty())
    TRY(load_interpreter(*program.space, image.interpreter(), loading, problem));
  program.places = loader.places();
  program.name = last_name(loading.path).substr(0, 15);
  return make_stack(program, image, loading);
}

}  // namespace

Result<LoadedProgram> load_program(const PathStart& start, std::string_view path,
                                   ExecStrings strings, const Limits& limits, ElfProblem& problem) {
  constexpr int kMostScripts = 4;
  problem = ElfProblem::none;
  for (int i = 0; i <= kMostScripts; ++i) {
    LoadedProgram program;
    program.file = TRY(executable(start, path));
    const FileHead head = TRY(FileHead::read(*program.file->contents()));
    const std::optional<Script> script = TRY(script_of(head.text()));
    if (!script) {
      const Loading loading{start, path, strings, limits, user_layout(), 0};
      TRY(load_elf(program, loading, head.bytes(), problem));
      return program;
    }
    strings = TRY(strings_for(*script, path, std::move(strings)));
    path = strings.first();
  }
  return Error{Errc::too_many_links, kMostScripts};
}

void become(Process& process, LoadedProgram program, arch::TrapFrame& frame) {
  process.signals.with([](SignalState& signals) {
    for (SignalAction& action : signals.actions) {
      const bool ignored = action.handler == SignalAction::kIgnore;
      action = {};
      if (ignored) action.handler = SignalAction::kIgnore;
    }
    signals.stack = {};
    signals.fault = {};
  });
  processes().with([&](ProcessTable&) { process.family.has_executed = true; });
  process.files().close_on_exec();
  process.set_capabilities({});  // root has them all again
  process.clear_child_tid = UserAddr(0);
  process.set_name(program.name);
  process.set_places(program.places);
  process.set_executable(std::move(program.file));

  use_user_space(program.space.get());
  process.set_space(std::move(program.space));  // the old one goes here
  process.has_left_space.with([](bool& left) { left = true; });
  process.left_space.wake_all();
  arch::clear_user_registers();
  frame = arch::user_frame(program.entry, program.stack_pointer);
}

}  // namespace meridian

// SPDX-License-Identifier: MIT
#include "kernel/proc/proc_source.h"

#include <arch/clock.h>

#include "kernel/fs/root.h"
#include "kernel/fs/tty.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/process_table.h"
#include "kernel/proc/scheduler.h"
#include "kernel/proc/signal_handler.h"
#include "kernel/proc/thread_list.h"
#include "kernel/time/conversion.h"

namespace meridian {
namespace {

/// The path of `inode`, or what it says of itself if it has none.
void print_path(Writer& out, const Ref<Inode>& inode) {
  std::array<char, 512> buffer;
  const Result<Ref<Directory>> root = root_directory();
  if (root.has_value()) {
    const Result<std::string_view> path = path_of(root.value(), inode, buffer);
    if (path.has_value()) return out.write(path.value());
  }
  inode->describe(out);
}

/// Calls `visit(const VmaView&)` for each VMA, with no lock held.
template <typename Visit>
void for_each_vma(UserSpace& space, Visit&& visit) {
  for (std::optional<VmaView> vma = space.vma_above(UserAddr(0)); vma;
       vma = space.vma_above(vma->range.end()))
    visit(*vma);
}

/// VmFlags, in Linux's order.
void print_flags(Writer& out, const VmaTraits& traits) {
  const bool is_counted = !traits.shared && traits.protection.write;
  const struct {
    bool holds;
    std::string_view name;
  } flags[] = {
      {traits.protection.read, "rd "},    {traits.protection.write, "wr "},
      {traits.protection.execute, "ex "}, {traits.shared, "sh "},
      {traits.most.read, "mr "},          {traits.most.write, "mw "},
      {traits.most.execute, "me "},       {traits.shared, "ms "},
      {traits.grows_down, "gd "},         {traits.locked, "lo "},
      {traits.dont_fork, "dc "},          {is_counted, "ac "},
      {traits.wipe_on_fork, "wf "},       {traits.no_dump, "dd "},
  };
  for (const auto& flag : flags)
    if (flag.holds) out.write(flag.name);
}

/// What signals a process ignores, and for which it has handlers.
struct Dispositions {
  SignalSet ignored, caught;
};
Dispositions dispositions(SignalState& state) {
  Dispositions found;
  for (Signal signal = 1; signal <= kMostSignals; ++signal) {
    const SignalAction& action = state.action(signal);
    if (action.handler == SignalAction::kIgnore) found.ignored.add(signal);
    if (action.has_handler()) found.caught.add(signal);
  }
  return found;
}

char state_letter(ProcessState state, const ThreadInfo& thread) {
  if (state == ProcessState::ended) return 'Z';
  if (state == ProcessState::stopped) return 'T';
  if (thread.state != ThreadState::sleeping) return 'R';
  return thread.interruptible ? 'S' : 'D';
}

/// A process, held for as long as it is looked at.
class Subject final : public ProcSubject {
 public:
  explicit Subject(Process& process)
      : process_(process), name_(process.name()), space_(process.share_space()) {}

  ProcStatus status() override;
  void print_maps(Writer& out) override;
  void print_smaps(Writer& out) override;
  void print_limits(Writer& out) override;
  void print_mounts(Writer& out) override { meridian::print_mounts(out); }
  void print_command_line(Writer& out) override { print_memory(out, process_.places().arguments); }
  void print_environment(Writer& out) override { print_memory(out, process_.places().environment); }
  void print_aux_vector(Writer& out) override { print_memory(out, process_.places().aux); }

  i64 oom_adjustment() override { return process_.oom_adjustment; }
  Result<void> set_oom_adjustment(i64 value) override {
    process_.oom_adjustment = static_cast<i32>(value);
    return {};
  }
  void set_name(std::string_view name) override { process_.set_name(name); }
  /// The number of its only one is its own.
  u64 next_thread(u64 tid) override { return tid <= process_.pid() ? process_.pid() : 0; }

  Result<Ref<Inode>> link(Link which, Writer& path) override;
  Result<Ref<Inode>> descriptor(u32 fd, Writer& path) override;
  std::optional<u32> next_descriptor(u32 fd) override;

 private:
  void fill_family(ProcStatus& status);
  void fill_memory(ProcStatus& status);
  void fill_signals(ProcStatus& status);
  void print_memory(Writer& out, UserRange range);

  Process& process_;
  FixedText<16> name_;
  Ref<UserSpace> space_;  // empty once the process has ended
};

ProcStatus Subject::status() {
  const ThreadInfo thread = thread_info(process_.thread());
  ProcStatus status{.name = name_};
  status.process = status.thread = process_.pid();
  const Capabilities capabilities = process_.capabilities();
  status.inheritable = capabilities.inheritable;
  status.capabilities = capabilities.permitted;
  status.effective = capabilities.effective;
  status.state = state_letter(ProcessState::alive, thread);
  status.user_time = clock_ticks(thread.run_time);
  status.start_time = clock_ticks(process_.start_time());
  status.processor = thread.cpu;
  status.voluntary_switches = thread.waits;
  status.involuntary_switches = thread.preemptions;
  status.cpus = running_cpus();
  status.allowed_cpus = (u64{1} << status.cpus) - 1;
  fill_family(status);
  if (const Ref<FsContext> fs = process_.share_fs()) status.umask = fs->umask();
  if (const Ref<FdTable> files = process_.share_files()) status.descriptors = files->size();
  fill_signals(status);
  if (space_) fill_memory(status);
  return status;
}

void Subject::fill_family(ProcStatus& status) {
  const Tty::Owner terminal = console_tty().owner();
  const ThreadInfo thread = thread_info(process_.thread());
  processes().with([&](ProcessTable&) {
    const Family& family = process_.family;
    status.state = state_letter(family.state, thread);
    status.parent = family.parent != nullptr ? family.parent->pid() : 0;
    status.group = family.group;
    status.session = family.session;
    if (family.state == ProcessState::ended) {
      status.user_time = clock_ticks(family.usage.run_time);
      status.exit_code = family.end.wait_status();
    }
  });
  if (terminal.session != status.session) return;
  status.terminal = device_number(204, 64);  // ttyAMA0
  status.terminal_group = terminal.group;
}

void Subject::fill_memory(ProcStatus& status) {
  const SpaceStats stats = space_->stats();
  const ProgramPlaces places = process_.places();
  status.minor_faults = stats.minor_faults;
  status.major_faults = stats.major_faults;
  status.size = stats.mapped << kPageShift;
  status.peak_size = stats.peak_mapped << kPageShift;
  status.locked = stats.locked << kPageShift;
  status.resident = stats.resident() << kPageShift;
  status.peak_resident = stats.peak_resident << kPageShift;
  status.resident_anonymous = stats.anonymous << kPageShift;
  status.resident_file = stats.file << kPageShift;
  status.resident_shared = stats.shared << kPageShift;
  status.data = stats.data << kPageShift;
  status.tables = space_->table_count() << kPageShift;
  u64 executable = 0;
  for_each_vma(*space_, [&](const VmaView& vma) {
    if (vma.traits.grows_down) status.stack += vma.range.size();
    if (vma.traits.protection.execute) executable += vma.range.size();
  });
  status.text = align_up(places.code.end().value(), kPageSize) -
                align_down(places.code.start().value(), kPageSize);
  status.library = executable > status.text ? executable - status.text : 0;
  status.code_start = places.code.start().value();
  status.code_end = places.code.end().value();
  status.data_start = places.data.start().value();
  status.data_end = places.data.end().value();
  status.heap_start = space_->heap().start().value();
  status.stack_start = places.stack.value();
  status.arguments_start = places.arguments.start().value();
  status.arguments_end = places.arguments.end().value();
  status.environment_start = places.environment.start().value();
  status.environment_end = places.environment.end().value();
}

void Subject::fill_signals(ProcStatus& status) {
  status.most_queued_signals = process_.limit(LimitKind::signals).soft;
  process_.signals.with([&](SignalState& state) {
    const Dispositions found = dispositions(state);
    status.pending = state.pending.pending().bits();
    status.queued_signals = state.pending.queued();
    status.blocked = state.blocked.bits();
    status.ignored = found.ignored.bits();
    status.caught = found.caught.bits();
  });
}

void Subject::print_maps(Writer& out) {
  if (!space_) return;
  for_each_vma(*space_, [&](const VmaView& vma) {
    BufferWriter<512> name;
    print_mapping_name(name, process_, *space_, vma);
    print_maps_line(out, mapping_of(vma, name.text()));
  });
}

void Subject::print_smaps(Writer& out) {
  if (!space_) return;
  for_each_vma(*space_, [&](const VmaView& vma) {
    BufferWriter<256> name;
    BufferWriter<64> flags;
    print_mapping_name(name, process_, *space_, vma);
    print_flags(flags, vma.traits);
    const ProcMapping mapping = mapping_of(vma, name.text());
    const PageCounts pages = space_->count_pages(vma.range);
    print_maps_line(out, mapping);
    print_usage(out, mapping,
                {.resident = pages.resident << kPageShift,
                 .part = pages.part,
                 .shared = pages.shared << kPageShift,
                 .anonymous = pages.anonymous << kPageShift,
                 .locked = vma.traits.locked ? pages.part : 0,
                 .flags = flags.text()});
  });
}

void Subject::print_limits(Writer& out) {
  const Limits limits = process_.limits();
  std::array<ProcLimit, kProcLimits> lines;
  static_assert(kProcLimits == kLimitKinds && ProcLimit::kNone == Limit::kNone);
  for (u32 i = 0; i < kLimitKinds; ++i) {
    const Limit& limit = limits[static_cast<LimitKind>(i)];
    lines[i] = {limit.soft, limit.hard};
  }
  meridian::print_limits(out, lines);
}

/// As far as it is mapped still.
void Subject::print_memory(Writer& out, UserRange range) {
  if (!space_) return;
  std::array<std::byte, 256> piece;
  for (u64 done = 0; done != range.size();) {
    const u64 size = std::min<u64>(piece.size(), range.size() - done);
    if (!space_->read(range.start() + done, std::span(piece).first(size)).has_value()) return;
    out.write({reinterpret_cast<const char*>(piece.data()), size});
    done += size;
  }
}

Result<Ref<Inode>> Subject::link(Link which, Writer& path) {
  Ref<Inode> inode;
  const Ref<FsContext> fs = process_.share_fs();
  if (which == Link::executable)
    inode = process_.executable();
  else if (fs)
    inode = which == Link::root ? fs->start().root : fs->start().at;
  if (!inode) return Error{Errc::not_found};
  print_path(path, inode);
  return inode;
}

Result<Ref<Inode>> Subject::descriptor(u32 fd, Writer& path) {
  const Ref<FdTable> files = process_.share_files();
  if (!files) return Error{Errc::not_found};
  const Result<Ref<File>> file = files->get(fd);
  if (!file.has_value()) return Error{Errc::not_found};
  Ref<Inode> inode(file.value()->inode());
  print_path(path, inode);
  return inode;
}

std::optional<u32> Subject::next_descriptor(u32 fd) {
  const Ref<FdTable> files = process_.share_files();
  const u32 next = files ? files->next(fd) : FdTable::kMost;
  return next == FdTable::kMost ? std::nullopt : std::optional(next);
}

class Processes final : public ProcSource {
 public:
  u64 self() override {
    const Process* const process = current_thread().process;
    return process == nullptr ? 0 : process->pid();
  }
  u64 next(u64 pid) override {
    if (pid > ProcessTable::kMostPids) return 0;
    return processes().with([pid](ProcessTable& table) -> u64 {
      const Process* const process = table.at_least(static_cast<u32>(pid));
      return process == nullptr ? 0 : process->pid();
    });
  }
  Result<void> visit(u64 pid, void (*look)(void*, ProcSubject&), void* context) override {
    if (pid > ProcessTable::kMostPids) return Error{Errc::not_found};
    const Ref<Process> process = processes().with([pid](ProcessTable& table) {
      Process* const found = table.find(static_cast<u32>(pid));
      return found == nullptr ? Ref<Process>() : Ref<Process>(*found);
    });
    if (!process) return Error{Errc::not_found};
    Subject subject(*process);
    look(context, subject);
    return {};
  }
};
constinit Processes all_processes;

}  // namespace

ProcSource& proc_source() { return all_processes; }

void print_mapping_name(Writer& out, Process& process, UserSpace& space, const VmaView& vma) {
  if (!vma.object) {
    const UserRange heap = space.heap();
    if (vma.range.overlaps(heap)) out.write("[heap]");
    if (vma.traits.grows_down && vma.range.contains(process.places().stack)) out.write("[stack]");
    return;
  }
  if (is_sigreturn_page(*vma.object)) return out.write("[vdso]");  // Linux's name
  if (const Ref<Inode> file = vma.object->file<Inode>()) return print_path(out, file);
  const bool was_a_file = vma.object->file_id().inode != 0;
  out.write(was_a_file ? "(deleted)" : "/dev/zero (deleted)");
}

ProcMapping mapping_of(const VmaView& vma, std::string_view name) {
  const Protection& may = vma.traits.protection;
  ProcMapping mapping{.start = vma.range.start().value(),
                      .end = vma.range.end().value(),
                      .read = may.read,
                      .write = may.write,
                      .execute = may.execute,
                      .shared = vma.traits.shared,
                      .name = name};
  if (!vma.object) return mapping;
  const MemoryObject::FileId file = vma.object->file_id();
  mapping.offset = vma.first_page << kPageShift;
  mapping.device = file.device;
  mapping.inode = file.inode;
  return mapping;
}

u64 clock_ticks(u64 counter_ticks) {
  return conversion::scale(counter_ticks, arch::counter_frequency(), 100);
}

}  // namespace meridian

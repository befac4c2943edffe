// SPDX-License-Identifier: MIT
#include "kernel/fs/root.h"
#include "kernel/fs/tty.h"
#include "kernel/init/stages.h"
#include "kernel/lib/fixed_vector.h"
#include "kernel/lib/quoted.h"
#include "kernel/proc/jobs.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/proc_source.h"
#include "kernel/proc/run_program.h"
#include "kernel/proc/signal_handler.h"
#include "kernel/proc/timers.h"
#include "kernel/shell/args.h"

namespace meridian {
namespace {

constexpr usize kMostWords = 17;
using Words = FixedVector<std::string_view, kMostWords>;

/// What init= says: a path and arguments, quoted as in the shell.
Words words_of(std::string_view line) {
  Words words;
  for (;;) {
    const Result<std::string_view> word = next_shell_word(line);
    if (!word.has_value() && word.error().code == Errc::not_found) return words;
    if (!word.has_value()) stop_boot("init= has an open quote");
    if (!words.push(word.value())) stop_boot("init= has more than {} words", kMostWords);
  }
}

}  // namespace

void start_processes() {
  console_tty().use_jobs(tty_jobs());
  if (!start_timers().has_value()) stop_boot("no memory for the timers' thread");
  fill_proc(proc_files(), proc_source(), sys_files());
  if (!make_sigreturn_page().has_value()) stop_boot("no memory for the page of signal handlers");
}

void run_init(const System& system) {
  const Words words = words_of(system.options.init);
  if (words.is_empty()) stop_boot("init= names no program");
  ElfProblem problem;
  const RunOptions options{.arguments = {words.begin() + 1, words.end()},
                           .environment = kUsualEnvironment,
                           .is_init = true};
  const Result<ProcessEnd> end = run_program(words[0], options, problem);
  if (!end.has_value())
    stop_boot("init {} cannot run: {}", Quoted{words[0]},
              problem == ElfProblem::none ? name_of(end.error().code) : text_of(problem));
  if (end.value().how == ProcessEnd::How::killed)
    print(console(), "init {} was killed ({})\n", Quoted{words[0]},
          name_of_signal(static_cast<Signal>(end.value().status)));
  arch::power_off(end.value().exit_status());
}

}  // namespace meridian

# SPDX-License-Identifier: MIT
"""tests/run.py: how it reads what test programs print. A test that vanished must not pass."""

import run

KTAP = """booting
KTAP version 1
1..3
ok 1 paging.Maps
# expected 1, got 2
not ok 2 paging.Unmaps
ok 3 smp.Starts # SKIP one CPU only
"""


def statuses(results):
    return [(result.name, result.status, result.output) for result in results]


def test_ktap_gives_each_test_with_what_it_said():
    assert statuses(run.ktap_results(KTAP, 1)) == [
        ("paging.Maps", "passed", ""),
        ("paging.Unmaps", "failed", "# expected 1, got 2"),
        ("smp.Starts", "skipped", "one CPU only"),
    ]


def test_ktap_that_stops_early_fails():
    results = list(run.ktap_results("KTAP version 1\n1..2\nok 1 a.A\npanic: b\n", 1))
    assert [r.status for r in results] == ["passed", "failed"]
    assert "panic: b" in results[1].output and "planned 2 tests, and 1 gave" in results[1].output


def test_no_ktap_no_plan_and_no_numbers_fail():
    assert [r.status for r in run.ktap_results("hello\n", 0)] == ["failed"]
    assert "failed" in [r.status for r in run.ktap_results("KTAP version 1\nok 1 a.A\n", 0)]
    assert "failed" in [r.status for r in run.ktap_results("KTAP version 1\n1..1\nok 2 a.A\n", 0)]
    assert "failed" in [r.status for r in run.ktap_results("KTAP version 1\n", 0)]


def test_an_exit_status_that_does_not_fit_the_results_fails():
    """Such as 124, of a kernel that hangs after its last test."""
    for verdict, status in (("ok", 1), ("ok", 3), ("not ok", 0), ("not ok", 124)):
        results = list(run.ktap_results(f"KTAP version 1\n1..1\n{verdict} 1 a.A\n", status))
        assert [r.name for r in results] == ["a.A", "exit status"] and results[1].status == "failed"


GTEST = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] Buddy.Merges
[       OK ] Buddy.Merges (0 ms)
[ RUN      ] Buddy.Splits
a_test.cc:3: Failure
[  FAILED  ] Buddy.Splits (1 ms)
[ RUN      ] Buddy.Grows/4
"""


def test_gtest_gives_each_test_with_what_it_said():
    results = list(run.gtest_results(GTEST + "[       OK ] Buddy.Grows/4 (9 ms)\n[  FAILED  ] Buddy.Splits\n", 1))
    assert statuses(results) == [
        ("Buddy.Merges", "passed", ""),
        ("Buddy.Splits", "failed", "a_test.cc:3: Failure"),
        ("Buddy.Grows/4", "passed", ""),
    ]


def test_gtest_result_after_unfinished_output_and_with_a_parameter_is_read():
    text = "[ RUN      ] A.B/0\nno newline[  FAILED  ] A.B/0, where GetParam() = 3 (0 ms)\n"
    assert statuses(run.gtest_results(text, 1)) == [("A.B/0", "failed", "no newline, where GetParam() = 3")]


def test_gtest_that_dies_in_a_test_fails_that_test():
    results = list(run.gtest_results(GTEST + "==1==ERROR: AddressSanitizer\n", 1))
    assert results[-1].name == "Buddy.Grows/4" and results[-1].status == "failed"
    assert "AddressSanitizer" in results[-1].output and "status 1" in results[-1].output


def test_gtest_that_dies_after_the_last_test_fails():
    results = list(run.gtest_results("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n", -11))
    assert [r.status for r in results] == ["passed", "failed"]


def test_the_sums_of_all_runs_are_added_up():
    one = "       3 bad inputs: vfree\n       4 bad inputs: kmalloc\n7 bad inputs\n"
    assert run.tallies([one + "[  PASSED  ] 3 tests.\n", "5 bad inputs\n"]) == ["12 bad inputs"]
    assert run.tallies([]) == []

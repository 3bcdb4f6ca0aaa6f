/* tests/unit/base/test_assert.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* What a child that asserts `holds` ends with: 0, or the signal that killed it. */
static int outcome(bool holds, char *said, size_t n)
{
    int status, ends[2];
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        ASSERT(holds);
        _exit(0);
    }
    close(ends[1]);
    got = read(ends[0], said, n - 1);
    said[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_true_claim_passes(void **state)
{
    char said[200];

    (void)state;
    assert_int_equal(outcome(true, said, sizeof said), 0);
    assert_string_equal(said, "");
}

static void a_false_claim_aborts_and_names_itself(void **state)
{
    char said[200];

    (void)state;
    assert_int_equal(outcome(false, said, sizeof said), SIGABRT);
    assert_non_null(strstr(said, "test_assert.c:"));
    assert_non_null(strstr(said, "holds"));
}

TEST_MAIN(cmocka_unit_test(a_true_claim_passes),
          cmocka_unit_test(a_false_claim_aborts_and_names_itself))

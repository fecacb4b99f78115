/* Power loss: records what the log does to the disk, builds every kind of crash state behind every
 * operation, and opens the log in each. Controls with the syncs taken out must lose entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/wal/wal_int.h"
#include "vfs_record.h"
#include "wal_fixture.h"
#include "wal_random.h"

enum { ENTRIES = 400 };

/* Marks: an acknowledgement (LSN and number), or that entries below an LSN are not needed. */
enum { MARK_ACK = 1, MARK_FLOOR = 2 };
static uint64_t mark(uint64_t kind, Lsn lsn, uint32_t number)
{
    return kind << 60 | lsn << 20 | number;
}

typedef struct Rig {
    WalFixture fixture;
    RecordVfs record;
    char target[80];
} Rig;

static Rig *rig_of_append; /* the callback's way to the record */

static void on_durable(WalAppend *append, Status status, const Error *)
{
    const WalFixtureAppend *a = (const WalFixtureAppend *)(const void *)append;
    if (status == STATUS_OK)
        record_mark(&rig_of_append->record, mark(MARK_ACK, append->lsn, a->number));
    mem_free(append);
}

static void append(Rig *rig, uint32_t number, size_t words)
{
    WalFixtureAppend *a = mem_zalloc(sizeof *a + 4 * words);
    a->fixture = &rig->fixture;
    a->number = number;
    wal_fixture_fill(a->words, number, words);
    a->base = (WalAppend){.type = WAL_ENTRY_CATALOG,
                          .payload = {(const char *)a->words, 4 * words},
                          .on_durable = on_durable};
    assert_int_equal(wal_append(rig->fixture.wal, &a->base, NULL), STATUS_OK);
}

static void rig_init(Rig *rig)
{
    record_vfs_init(&rig->record);
    wal_fixture_init(&rig->fixture, &rig->record.base);
    rig->fixture.options.segment_bytes_max = 24 << 10;
    rig_of_append = rig;
    (void)snprintf(rig->target, sizeof rig->target, "%s-state-XXXXXX", rig->fixture.root);
    assert_non_null(mkdtemp(rig->target));
}

static void rig_done(Rig *rig)
{
    wal_fixture_done(&rig->fixture);
    record_vfs_done(&rig->record);
    wal_fixture_remove_dir(rig->target);
}

/* Appends in bursts, rolls segments, reopens, and drops old segments. */
static void run_workload(Rig *rig, uint64_t seed)
{
    Random random = {seed};

    wal_fixture_open(&rig->fixture);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        append(rig, i, 1 + random_below(&random, random_below(&random, 10) ? 60 : 3000));
        if (random_below(&random, 4) == 0)
            assert_int_equal(wal_flush(rig->fixture.wal, NULL), STATUS_OK);
        if (i % 131 == 130) {
            wal_fixture_close(&rig->fixture);
            wal_fixture_open(&rig->fixture);
        }
        if (i % 90 == 89) {
            assert_int_equal(wal_flush(rig->fixture.wal, NULL), STATUS_OK);
            Lsn floor = i - 60;
            record_mark(&rig->record, mark(MARK_FLOOR, floor, 0));
            rig->fixture.options.lsn_min = floor;
            assert_int_equal(wal_truncate_below(rig->fixture.wal, floor, NULL), STATUS_OK);
        }
    }
    wal_fixture_close(&rig->fixture);
}

typedef struct Outcome {
    size_t states;
    size_t states_with_loss;
    size_t false_alarms; /* damage reported as perhaps acknowledged */
} Outcome;

typedef struct Expected {
    bool acked[ENTRIES];
    Lsn lsn[ENTRIES];
    Lsn floor;
} Expected;

static void open_state(WalFixture *state, const Rig *rig, Lsn floor)
{
    state->next_number = ENTRIES + 1;
    state->options.lsn_min = floor;
    state->options.segment_bytes_max = rig->fixture.options.segment_bytes_max;
    wal_fixture_open(state);
}

static bool lost_any(const WalFixture *state, const Expected *expected)
{
    bool seen[ENTRIES + 1] = {0};
    bool lost = false;

    for (size_t i = 0; i < state->replayed_count; i++) {
        uint32_t number = state->replayed[i];
        assert_true(number <= ENTRIES);
        assert_false(seen[number]); /* exactly once */
        seen[number] = true;
        if (number < ENTRIES && expected->acked[number])
            assert_int_equal(state->replayed_lsns[i], expected->lsn[number]);
    }
    for (uint32_t i = 0; i < ENTRIES; i++)
        lost |= expected->acked[i] && expected->lsn[i] >= expected->floor && !seen[i];
    return lost;
}

/* After recovery the log takes entries and keeps them. */
static void check_goes_on(WalFixture *state)
{
    size_t before = state->replayed_count;

    state->next_number = ENTRIES;
    wal_fixture_append(state, 50);
    assert_int_equal(wal_flush(state->wal, NULL), STATUS_OK);
    wal_fixture_close(state);
    wal_fixture_open(state);
    assert_int_equal(state->replayed_count, before + 1);
    assert_int_equal(state->replayed[before], ENTRIES);
}

static void check_state(const Rig *rig, size_t point, RecordPolicy policy, uint64_t seed,
                        const Expected *expected, Outcome *outcome)
{
    WalFixture state;

    wal_fixture_init_at(&state, rig->target);
    record_materialise(&rig->record, point, policy, seed, rig->fixture.root, rig->target);
    open_state(&state, rig, expected->floor);
    bool lost = lost_any(&state, expected);
    outcome->states++;
    outcome->states_with_loss += lost;
    for (size_t i = 0; i < state.report.damage_count; i++)
        outcome->false_alarms += state.report.damages[i].acked_perhaps;
    if (!lost && outcome->states % 4 == 0)
        check_goes_on(&state);
    wal_fixture_forget(&state);
    wal_fixture_empty_dir(rig->target);
}

static Outcome check_all_states(const Rig *rig, uint64_t seeds)
{
    Expected expected = {0};
    Outcome outcome = {0};

    for (size_t point = 0; point <= rig->record.op_count; point++) {
        const RecordOp *op = point ? &rig->record.ops[point - 1] : NULL;
        if (op && op->kind == RECORD_MARK && op->offset >> 60 == MARK_ACK) {
            uint32_t number = op->offset & 0xFFFFF;
            expected.acked[number] = true;
            expected.lsn[number] = op->offset >> 20 & 0xFFFFFFFF;
        } else if (op && op->kind == RECORD_MARK) {
            expected.floor = op->offset >> 20 & 0xFFFFFFFF;
        }
        /* Behind a mark the disk is the same and more is promised: the last of a row counts. */
        if (point < rig->record.op_count && rig->record.ops[point].kind == RECORD_MARK)
            continue;
        for (RecordPolicy policy = 0; policy < RECORD_POLICY_COUNT_; policy++)
            for (uint64_t seed = 0; seed < (policy < RECORD_TEAR_512 ? 1 : seeds); seed++)
                check_state(rig, point, policy, seed * 1000003 + point, &expected, &outcome);
    }
    return outcome;
}

static void test_no_crash_state_loses_an_acknowledged_entry(void **)
{
    Outcome sum = {0};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Rig rig;
        rig_init(&rig);
        run_workload(&rig, seed);
        Outcome outcome = check_all_states(&rig, 2);
        sum.states += outcome.states;
        sum.states_with_loss += outcome.states_with_loss;
        sum.false_alarms += outcome.false_alarms;
        rig_done(&rig);
    }
    print_message("# %zu crash states\n", sum.states);
    assert_true(sum.states > 3000);
    assert_int_equal(sum.states_with_loss, 0);
    assert_int_equal(sum.false_alarms, 0);
}

static Outcome control(bool ignore_syncs, bool ignore_dir_syncs)
{
    Rig rig;
    rig_init(&rig);
    rig.record.ignore_syncs = ignore_syncs;
    rig.record.ignore_dir_syncs = ignore_dir_syncs;
    run_workload(&rig, 7);
    Outcome outcome = check_all_states(&rig, 1);
    rig_done(&rig);
    return outcome;
}

static void test_control_without_fdatasync_loses_entries(void **)
{
    assert_true(control(true, false).states_with_loss > 0);
}

static void test_control_without_directory_sync_loses_entries(void **)
{
    assert_true(control(false, true).states_with_loss > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_crash_state_loses_an_acknowledged_entry),
        cmocka_unit_test(test_control_without_fdatasync_loses_entries),
        cmocka_unit_test(test_control_without_directory_sync_loses_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
